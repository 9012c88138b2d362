import Foundation
import Simulator
import Testing

/// The lines of a run, read back with a JSON parser that knows nothing of the simulator.
struct EmittedLines {
    let texts: [String]
    let objects: [[String: Any]]

    /// Every line of the buffer; those that must not parse are left out by the caller.
    init(_ buffer: LineBuffer) throws {
        var lines: [[UInt8]] = []
        buffer.withBytes { bytes in
            lines = bytes.split(separator: 0x0a).map(Array.init)
        }
        try self.init(lines: lines)
    }

    init(lines: [[UInt8]]) throws {
        texts = lines.map { String(decoding: $0, as: UTF8.self) }
        objects = try lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
    }

    /// The events of one type.
    func ofType(_ type: String) -> [[String: Any]] {
        objects.filter { $0["type"] as? String == type }
    }

    /// Every amount that a field has in a line, in cents, from its decimal text: money does not go through Double.
    static func cents(_ field: String, in text: String) throws -> [Int64] {
        try text.components(separatedBy: "\"\(field)\":").dropFirst().map { rest in
            let number = rest.prefix { $0.isNumber || $0 == "." }
            let parts = number.split(separator: ".")
            try #require(parts.count == 2 && parts[1].count == 2, "\(field) is not written with cents: \(number)")
            return try #require(Int64(parts[0])) * 100 + #require(Int64(parts[1]))
        }
    }
}

extension LineBuffer {
    /// The first `count` events of a shop.
    static func of(_ settings: SimulationSettings, count: Int) throws -> LineBuffer {
        var shop = try ShopSimulator(settings)
        var buffer = LineBuffer(lines: count)
        shop.generate(count, into: &buffer)
        return buffer
    }

    /// All bytes.
    var bytes: [UInt8] { withBytes { Array($0) } }

    /// 64 bits of FNV-1a over all bytes: a digest that needs no library.
    var digest: UInt64 {
        withBytes { $0.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 } }
    }
}
