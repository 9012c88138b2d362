import Foundation
import Streaming

/// Why a file of events cannot be used.
package struct EventFileError: Error, CustomStringConvertible {
    /// One line.
    package let description: String
}

/// Events as lines of comma-separated values, in the order of their arrival; no text of an event has a comma, a quote or
/// an end of line in it. All three kinds share columns, so that a reader has few empty ones to skip:
///
/// | column | person (0) | auction (1) | bid (2) |
/// |---|---|---|---|
/// | kind, time | 0, dateTime | 1, dateTime | 2, dateTime |
/// | id, party, price | id, –, – | id, seller, initialBid | auction, bidder, price |
/// | reserve, expires, category | – | reserve, expires, category | – |
/// | name, detail | name, emailAddress | itemName, description | channel, url |
/// | card, city, state | creditCard, city, state | – | – |
/// | extra | extra | extra | extra |
package enum EventFile {
    /// The names of the columns.
    package static let columns = [
        "kind", "time", "id", "party", "price", "reserve", "expires", "category", "name", "detail", "card", "city",
        "state", "extra",
    ]

    /// Writes the events of batches to a file.
    package struct Writer: ~Copyable {
        private let file: UnsafeMutablePointer<FILE>
        private let path: String
        private var line: [UInt8] = []

        /// Makes the file anew.
        package init(_ path: String) throws {
            guard let file = fopen(path, "wb") else {
                throw EventFileError(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            self.file = file
            self.path = path
        }

        /// Adds the events of a batch.
        package mutating func write(_ batch: borrowing EventBatch) throws {
            line.removeAll(keepingCapacity: true)
            for index in 0..<batch.count { put(batch.entries[index].event) }
            let written = line.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            guard written == line.count else {
                throw EventFileError(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
        }

        /// Ends the file.
        package consuming func close() throws {
            guard fclose(file) == 0 else {
                throw EventFileError(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
        }

        private mutating func put(_ event: NexmarkEvent) {
            switch event {
            case .person(let person):
                numbers(0, person.dateTime, person.id)
                line.append(contentsOf: ",,,,,".utf8)
                texts(person.name, person.emailAddress, person.creditCard, person.city, person.state, person.extra)
            case .auction(let auction):
                numbers(1, auction.dateTime, auction.id, auction.seller, auction.initialBid)
                line.append(UInt8(ascii: ","))
                numbers(auction.reserve, auction.expires, auction.category)
                texts(auction.itemName, auction.description, .none, .none, .none, auction.extra)
            case .bid(let bid):
                numbers(2, bid.dateTime, bid.auction, bid.bidder, bid.price)
                line.append(contentsOf: ",,,".utf8)
                texts(bid.channel, bid.url, .none, .none, .none, bid.extra)
            }
            line.append(UInt8(ascii: "\n"))
        }

        private mutating func numbers(_ numbers: Int64...) {
            for (index, number) in numbers.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                line.append(contentsOf: String(number).utf8)
            }
        }

        private mutating func texts(_ texts: TextRef...) {
            for text in texts {
                line.append(UInt8(ascii: ","))
                line.append(contentsOf: text.bytes)
            }
        }
    }

    /// A file's bytes, mapped into memory, read from the beginning to the end.
    package struct Reader: ~Copyable {
        private let base: UnsafePointer<UInt8>
        private let count: Int
        private let path: String
        private var offset = 0
        private var lines = 0

        /// Opens a file.
        package init(_ path: String) throws {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else {
                throw EventFileError(description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { close(file) }
            var status = stat()
            guard fstat(file, &status) == 0, status.st_size > 0,
                let memory = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, file, 0), memory != MAP_FAILED
            else { throw EventFileError(description: "\(path) cannot be mapped, or is empty") }
            madvise(memory, Int(status.st_size), MADV_SEQUENTIAL)
            base = UnsafePointer(memory.assumingMemoryBound(to: UInt8.self))
            count = Int(status.st_size)
            self.path = path
        }

        deinit { munmap(UnsafeMutableRawPointer(mutating: base), count) }

        /// Fills a batch with the next events, whose texts are views of the file; false at its end.
        package mutating func fill(_ batch: inout EventBatch) throws -> Bool {
            batch.removeAll()
            var cursor = Cursor(at: base + offset, end: base + count)
            while !batch.isFull && !cursor.isAtEnd {
                lines += 1
                guard let (event, time) = cursor.event() else {
                    throw EventFileError(description: "\(path), line \(lines): not an event")
                }
                batch.append(event, time: time, arrival: time)
            }
            offset = cursor.at - base
            return batch.count > 0
        }
    }

    /// Reads lines. What it cannot read it says, and then is not used any more.
    private struct Cursor {
        private(set) var at: UnsafePointer<UInt8>
        private let end: UnsafePointer<UInt8>
        private var isBad = false

        init(at: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
            self.at = at
            self.end = end
        }

        var isAtEnd: Bool { at == end }

        @inline(__always)
        mutating func event() -> (NexmarkEvent, Int64)? {
            let kind = number()
            let time = number()
            let event: NexmarkEvent
            switch kind {
            case 2:
                let (auction, bidder, price) = (number(), number(), number())
                skip(3)
                let (channel, url) = (text(), text())
                skip(3)
                event = .bid(
                    Bid(
                        auction: auction, bidder: bidder, price: price, dateTime: time, channel: channel, url: url,
                        extra: text(last: true)))
            case 1:
                let (id, seller, initialBid) = (number(), number(), number())
                let (reserve, expires, category) = (number(), number(), number())
                let (name, description) = (text(), text())
                skip(3)
                event = .auction(
                    Auction(
                        id: id, itemName: name, description: description, initialBid: initialBid, reserve: reserve,
                        dateTime: time, expires: expires, seller: seller, category: category,
                        extra: text(last: true)))
            case 0:
                let id = number()
                skip(5)
                event = .person(
                    Person(
                        id: id, name: text(), emailAddress: text(), creditCard: text(), city: text(), state: text(),
                        dateTime: time, extra: text(last: true)))
            default: return nil
            }
            return isBad ? nil : (event, time)
        }

        /// A whole number and the comma behind it.
        @inline(__always)
        private mutating func number() -> Int64 {
            var value: Int64 = 0
            let start = at
            while at < end {
                let digit = at.pointee &- UInt8(ascii: "0")
                if digit > 9 { break }
                value = value &* 10 &+ Int64(digit)
                at += 1
            }
            // 18 digits fit.
            if at == start || at - start > 18 { isBad = true }
            expect(UInt8(ascii: ","))
            return value
        }

        @inline(__always)
        private mutating func expect(_ byte: UInt8) {
            if at < end && at.pointee == byte { at += 1 } else { isBad = true }
        }

        /// Empty columns.
        @inline(__always)
        private mutating func skip(_ columns: Int) {
            for _ in 0..<columns { expect(UInt8(ascii: ",")) }
        }

        /// A text and the comma or the end of line behind it, eight bytes at a time.
        @inline(__always)
        private mutating func text(last: Bool = false) -> TextRef {
            let stop = last ? UInt8(ascii: "\n") : UInt8(ascii: ",")
            let start = at
            let pattern = UInt64(stop) &* 0x0101_0101_0101_0101
            while end - at >= 8 {
                let word = UnsafeRawPointer(at).loadUnaligned(as: UInt64.self) ^ pattern
                // The lowest byte that is zero (Mycroft's test; it is exact for the lowest one).
                let zero = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
                if zero != 0 {
                    at += zero.trailingZeroBitCount / 8
                    break
                }
                at += 8
            }
            while at < end && at.pointee != stop { at += 1 }
            let text = TextRef(start, at - start)
            expect(stop)
            return text
        }
    }
}
