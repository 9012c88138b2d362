import Events
import Glibc

/// How a request body holds its events.
public enum BodyFormat: Sendable {
    /// One JSON object, or an array of them.
    case json
    /// One JSON object a line.
    case ndjson
    /// Whichever of the two it looks like: for senders that may set no content type of their own.
    case either
}

/// Finds the events in a body without judging them, so that a malformed one costs only itself.
struct EventBody {
    private let start: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    private let format: BodyFormat

    init(_ body: borrowing PaddedBytes, _ format: BodyFormat) {
        start = UnsafePointer(body.start)
        end = start + body.count
        self.format = format
    }

    /// Calls `body` with each event's bytes.
    func forEach<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        var first = start
        while first < end, EventBody.isSpace(first[0]) { first += 1 }
        guard first < end else { return }
        switch format {
        case .ndjson: try lines(body)
        case .json: first[0] == 0x5b ? try elements(first + 1, body) : try emit(first, end, body)
        case .either:
            if first[0] == 0x5b {
                try elements(first + 1, body)
            } else if firstLineIsWhole(first) {
                try lines(body)
            } else {
                try emit(first, end, body)
            }
        }
    }

    /// Whether the first line ends like an object does: else it is one object set over several lines.
    private func firstLineIsWhole(_ first: UnsafePointer<UInt8>) -> Bool {
        let found = memchr(first, 0x0a, end - first).map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }
        var last = found ?? end
        while last > first, EventBody.isSpace(last[-1]) { last -= 1 }
        return found == nil || last[-1] == 0x7d || first[0] != 0x7b
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    /// Hands on the bytes between two positions without the space around them; nothing at all only when `orNothing`.
    private func emit<Failure: Error>(
        _ first: UnsafePointer<UInt8>, _ last: UnsafePointer<UInt8>, orNothing: Bool = false,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var first = first
        var last = last
        while first < last, EventBody.isSpace(first[0]) { first += 1 }
        while last > first, EventBody.isSpace(last[-1]) { last -= 1 }
        if last > first || orNothing { try body(UnsafeRawBufferPointer(start: first, count: last - first)) }
    }

    /// Hands on every line that is not blank, as it came but for its line end.
    private func lines<Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Void) throws(Failure) {
        var line = start
        while line < end {
            let found = memchr(line, 0x0a, end - line)
            let last = found.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) } ?? end
            let count = last - line - (last > line && last[-1] == 0x0d ? 1 : 0)
            if !(0..<count).allSatisfy({ EventBody.isSpace(line[$0]) }) {
                try body(UnsafeRawBufferPointer(start: line, count: count))
            }
            line = last + 1
        }
    }

    /// Cuts an array at the commas of its own level, minding strings and brackets. What cannot be cut stays one piece.
    private func elements<Failure: Error>(
        _ first: UnsafePointer<UInt8>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var piece = first
        var p = first
        var depth = 0
        // An element that is not there is malformed, and counts: the others keep their places.
        var isFirst = true
        while p < end {
            switch p[0] {
            case 0x22:
                p += 1
                while p < end, p[0] != 0x22 { p += p[0] == 0x5c ? 2 : 1 }
            case 0x5b, 0x7b:
                depth += 1
            case 0x7d:
                // One that closes nothing must not hide the commas behind it.
                depth = max(0, depth - 1)
            case 0x5d:
                if depth == 0 {
                    try emit(piece, p, orNothing: !isFirst, body)
                    // Anything after the array's end is not part of it, and not JSON.
                    try emit(p + 1, end, body)
                    return
                }
                depth -= 1
            case 0x2c where depth == 0:
                try emit(piece, p, orNothing: true, body)
                piece = p + 1
                isFirst = false
            default:
                break
            }
            p += 1
        }
        // The array does not end: its last piece, if any, is not whole, and the body as a whole was cut off.
        try emit(piece, end, body)
    }
}
