import Events
import Foundation
import Iceberg

/// Reads members of events that the decoder does not know, for columns that somebody added to a bronze table. Exactly:
/// decimals never pass through binary floating point. A value that does not fit its column is null; the event has it in
/// `raw`.
final class EventMembers {
    /// Longest number that is read, in bytes.
    private static let numberBytes = 400

    /// By row, a bit for each member that has a value.
    let presence: UnsafeMutablePointer<FieldSet>
    private let members: [BronzeLayout.Member]
    private let names: [[UInt8]]
    private let capacity: Int
    private let numberCells: UnsafeMutablePointer<Int64>
    private let stringCells: UnsafeMutablePointer<StringRef>
    private var arena = Arena()

    /// Whether a member of an event can be of the type at all.
    static func canHold(_ type: IcebergType) -> Bool {
        switch type {
        case .boolean, .int, .long, .float, .double, .decimal, .date, .timestamp, .timestamptz, .string: true
        default: false
        }
    }

    init(_ members: [BronzeLayout.Member], capacity: Int) {
        self.members = members
        self.capacity = capacity
        names = members.map { Array($0.name.utf8) }
        presence = .allocate(capacity: capacity)
        presence.initialize(repeating: 0, count: capacity)
        let cells = max(1, members.count) * capacity
        numberCells = .allocate(capacity: cells)
        numberCells.initialize(repeating: 0, count: cells)
        stringCells = .allocate(capacity: cells)
        let nothing = UnsafeRawPointer(presence).assumingMemoryBound(to: UInt8.self)
        stringCells.initialize(repeating: StringRef(nothing, 0), count: cells)
    }

    deinit {
        presence.deallocate()
        numberCells.deallocate()
        stringCells.deallocate()
    }

    /// A member's numbers, by row.
    func numbers(_ member: Int) -> UnsafePointer<Int64> { UnsafePointer(numberCells + member * capacity) }

    /// A member's strings, by row: also decimals of more than 18 digits, as 16 bytes.
    func strings(_ member: Int) -> UnsafePointer<StringRef> { UnsafePointer(stringCells + member * capacity) }

    /// Forgets all rows.
    func removeAll() { arena.removeAll() }

    /// Reads the members of an event, which was accepted before, into a row.
    func read(_ raw: StringRef, into row: Int) {
        presence[row] = 0
        var cursor = JSONCursor(raw.start, count: raw.count)
        cursor.skipSpace()
        guard cursor.take(UInt8(ascii: "{")) else { return }
        cursor.skipSpace()
        if cursor.take(UInt8(ascii: "}")) { return }
        repeat {
            cursor.skipSpace()
            guard let key = cursor.string() else { return }
            cursor.skipSpace()
            guard cursor.take(UInt8(ascii: ":")) else { return }
            cursor.skipSpace()
            if let member = member(named: resolved(key)) {
                // Of a key that comes twice the last one counts, as for the fields that the decoder knows.
                presence[row] &= ~(1 << FieldSet(member))
                let value = cursor.p
                guard cursor.skipValue() else { return }
                if set(member, row, value, cursor.p - value) { presence[row] |= 1 << FieldSet(member) }
            } else {
                guard cursor.skipValue() else { return }
            }
            cursor.skipSpace()
        } while cursor.take(UInt8(ascii: ","))
    }

    private func member(named name: StringRef) -> Int? {
        let bytes = UnsafeBufferPointer(start: name.start, count: name.count)
        return names.firstIndex { $0.count == bytes.count && $0.elementsEqual(bytes) }
    }

    /// A string's bytes with escapes undone.
    private func resolved(_ string: (start: UnsafePointer<UInt8>, count: Int, escaped: Bool)) -> StringRef {
        guard string.escaped else { return StringRef(string.start, string.count) }
        let room = arena.allocate(string.count)
        return StringRef(room, JSONCursor.unescape(string.start, string.count, into: room))
    }

    /// Sets a cell from the JSON value in these bytes; false when it does not fit.
    private func set(_ member: Int, _ row: Int, _ value: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let cell = member * capacity + row
        var text: StringRef?
        if value[0] == UInt8(ascii: "\"") {
            var cursor = JSONCursor(value, count: count)
            text = cursor.string().map(resolved)
        }
        let isNumber = value[0] == UInt8(ascii: "-") || (0x30...0x39).contains(value[0])
        switch members[member].type {
        case .string:
            guard let text else { return false }
            stringCells[cell] = text
        case .boolean:
            guard value[0] == UInt8(ascii: "t") || value[0] == UInt8(ascii: "f") else { return false }
            numberCells[cell] = value[0] == UInt8(ascii: "t") ? 1 : 0
        case .int, .long:
            guard isNumber, let number = Self.decimal(value, count, scale: 0), let whole = Int64(exactly: number)
            else { return false }
            if members[member].type == .int, Int32(exactly: whole) == nil { return false }
            numberCells[cell] = whole
        case .double, .float:
            guard isNumber, count <= Self.numberBytes,
                let number = Double(String(decoding: UnsafeBufferPointer(start: value, count: count), as: UTF8.self)),
                number.isFinite
            else { return false }
            if members[member].type == .float {
                let narrow = Float(number)
                guard narrow.isFinite else { return false }
                numberCells[cell] = Int64(Int32(bitPattern: narrow.bitPattern))
            } else {
                numberCells[cell] = Int64(bitPattern: number.bitPattern)
            }
        case .decimal(let precision, let scale):
            let digits = text ?? StringRef(value, count)
            guard text != nil || isNumber, let number = Self.decimal(digits.start, digits.count, scale: scale),
                number.magnitude < Self.powers[min(38, max(0, precision))]
            else { return false }
            if precision <= 18 {
                numberCells[cell] = Int64(number)
            } else {
                let room = arena.allocate(16)
                UnsafeMutableRawPointer(room).storeBytes(of: number.bigEndian, as: Int128.self)
                stringCells[cell] = StringRef(room, 16)
            }
        case .timestamptz, .timestamp:
            if let text {
                guard let instant = Timestamp.parse(text.start, count: text.count) else { return false }
                numberCells[cell] = instant
            } else {
                guard isNumber, let millis = Self.decimal(value, count, scale: 0).flatMap({ Int64(exactly: $0) })
                else { return false }
                let (micros, over) = millis.multipliedReportingOverflow(by: 1_000)
                guard !over else { return false }
                numberCells[cell] = micros
            }
        case .date:
            // The day's first instant, so that days which no month has are refused.
            guard let text, text.count == 10, let instant = Timestamp.parse(text.string + "T00:00:00Z") else {
                return false
            }
            numberCells[cell] = Int64((Double(instant) / Double(Timestamp.day)).rounded(.down))
        default: return false
        }
        return true
    }

    /// Powers of ten, by their exponent.
    private static let powers: [UInt128] = (0..<38).reduce(into: [1]) { powers, _ in
        powers.append(powers[powers.count - 1] * 10)
    }

    /// A number without an exponent as an unscaled decimal; nil when it has more places or digits than fit.
    private static func decimal(_ text: UnsafePointer<UInt8>, _ count: Int, scale: Int) -> Int128? {
        var at = 0
        let isNegative = count > 0 && text[0] == UInt8(ascii: "-")
        if isNegative { at = 1 }
        let first = at
        var value: Int128 = 0
        var digits = 0
        func take(_ digit: UInt8) -> Bool {
            if value != 0 || digit != 0 { digits += 1 }
            guard digits <= 38 else { return false }
            value = value * 10 + Int128(digit)
            return true
        }
        while at < count, text[at] &- 0x30 < 10 {
            guard take(text[at] &- 0x30) else { return nil }
            at += 1
        }
        guard at > first else { return nil }
        var places = 0
        if at < count {
            guard text[at] == UInt8(ascii: "."), at + 1 < count else { return nil }
            at += 1
            while at < count {
                guard text[at] &- 0x30 < 10 else { return nil }
                if places == scale {
                    // Zeros beyond the scale change nothing.
                    guard text[at] == 0x30 else { return nil }
                } else {
                    guard take(text[at] &- 0x30) else { return nil }
                    places += 1
                }
                at += 1
            }
        }
        while places < scale {
            guard take(0) else { return nil }
            places += 1
        }
        return isNegative ? -value : value
    }
}
