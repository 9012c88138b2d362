import Events
import Simulator
import Streaming

/// Events on their way from lines of JSON into the live state, one by one, without a log.
final class StreamLines {
    private let decoder = EventDecoder()
    private let row = EventBatch(capacity: 1)
    private var applied: Int64 = 0

    /// Applies a buffer's lines, each as if it arrived when it happened.
    func apply(_ buffer: LineBuffer, _ stream: ShopStream) throws {
        for line in 0..<buffer.lineCount {
            try buffer.withBytes(ofLines: line..<(line + 1)) { try apply(Array($0.dropLast()), stream) }
        }
    }

    /// Applies one event.
    func apply(_ line: [UInt8], _ stream: ShopStream) throws {
        // The batch's texts point into the bytes, so that it is applied before they go.
        try PaddedBytes(copying: line).withBytes { raw in
            row.removeAll()
            guard decoder.decode(raw, into: row) == nil else { throw BenchError("an event was rejected") }
            row.setPosition(receivedAt: row.timestamp(0), partition: 0, offset: applied)
            applied += 1
            stream.apply(row, topic: row.type(0).topic)
        }
    }
}
