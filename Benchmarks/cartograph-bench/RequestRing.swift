import CBench
import Events
import Foundation

/// How a batch of events is written for a server.
protocol RequestFormat {
    /// Adds the whole request for some events to `bytes`.
    func write(_ batch: Range<Int>, of events: SimulatedEvents, into bytes: inout [UInt8]) throws
}

/// Numbers the passes over rings of requests, so that no id is sent twice to the same server.
final class PassNumbers {
    private var last: UInt32 = 0

    func next() -> UInt32 {
        last += 1
        return last
    }
}

/// Requests that were written beforehand and are sent again and again, each time with fresh ids.
///
/// Eight hexadecimal digits of every event's, session's and order's id are overwritten with the number of the pass over
/// the ring, so that each pass is the same shop on another day: no id comes back, and what belongs together still does.
final class RequestRing {
    /// One request: where its bytes are, and how many events are in it.
    struct Request {
        let range: Range<Int>
        let events: Int
        let places: Range<Int>
    }

    /// What stands before the digits that are overwritten.
    private static let marks = [#""event_id":""#, #""session_id":"s-"#, #""order_id":"o-"#]

    let requests: [Request]
    private let bytes: UnsafeMutableRawBufferPointer
    private let places: [Int]
    private let numbers: PassNumbers
    private var next = 0
    private var digits: UInt64 = 0

    init(_ events: SimulatedEvents, batch: Int, _ format: some RequestFormat, _ numbers: PassNumbers) throws {
        var written: [UInt8] = []
        written.reserveCapacity(events.count * 400)
        var requests: [Request] = []
        var places: [Int] = []
        for range in events.batches(of: batch) where range.count == batch {
            let (start, firstPlace) = (written.count, places.count)
            try format.write(range, of: events, into: &written)
            RequestRing.findPlaces(written, from: start, &places)
            requests.append(
                Request(range: start..<written.count, events: batch, places: firstPlace..<places.count))
        }
        guard places.count >= requests.count * batch else { throw BenchError("an event has no id to be renewed") }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: written.count, alignment: 64)
        bytes.copyBytes(from: written)
        self.bytes = bytes
        self.requests = requests
        self.places = places
        self.numbers = numbers
    }

    deinit { bytes.deallocate() }

    private static func findPlaces(_ written: [UInt8], from start: Int, _ places: inout [Int]) {
        written.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return }
            for mark in marks {
                var at = start
                let mark = Array(mark.utf8)
                while let found = cbench_find(base + at, all.count - at, mark, mark.count) {
                    at = found - base + mark.count
                    places.append(at)
                }
            }
        }
    }

    /// The next request, with ids that were not sent before.
    ///
    /// - Precondition: the answer to the request that was here one pass ago has come.
    func take() -> Request {
        if next == requests.count { next = 0 }
        if next == 0 { digits = RequestRing.hexadecimal(numbers.next()) }
        let request = requests[next]
        next += 1
        for place in request.places { bytes.storeBytes(of: digits, toByteOffset: places[place], as: UInt64.self) }
        return request
    }

    /// The address of a request's byte.
    func pointer(_ offset: Int) -> UnsafeRawPointer? { bytes.baseAddress.map { UnsafeRawPointer($0 + offset) } }

    /// A number's eight digits, in the order in which they stand in memory.
    private static func hexadecimal(_ number: UInt32) -> UInt64 {
        var text: UInt64 = 0
        for place in 0..<8 {
            let nibble = UInt64(number >> UInt32(28 - 4 * place)) & 15
            text |= (nibble < 10 ? 0x30 + nibble : 0x57 + nibble) << UInt64(8 * place)
        }
        return text
    }
}
