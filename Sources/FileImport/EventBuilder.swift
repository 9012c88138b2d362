/// Makes the JSON of one event from its rows.
struct EventBuilder {
    private let mapping: Mapping
    private let places: [Int]
    private var timestamps: [TimestampReader]
    private var value: [UInt8] = []
    private var stack: [Ratio] = []
    private let mark: UInt8
    /// The event last built.
    private(set) var json: [UInt8] = []

    /// - Parameter places: for each column of the mapping its place in a row.
    init(_ mapping: Mapping, places: [Int]) {
        self.mapping = mapping
        self.places = places
        timestamps = mapping.timestamps.map { TimestampReader($0) }
        mark = UInt8(ascii: mapping.layout.decimalComma ? "," : ".")
    }

    /// Where a column is looked up: in a row, or in an element of one of its lists.
    private struct Place {
        let row: Int
        var element = 0
    }

    /// The index of the first rule that takes the row.
    func rule(for row: Row) -> Int? {
        mapping.rules.firstIndex { rule in rule.conditions.allSatisfy { holds($0, row) } }
    }

    private func holds(_ condition: Condition, _ row: Row) -> Bool {
        let cell = trimmed(condition.slot, [row], Place(row: 0))
        let text = row.text[cell]
        switch condition.test {
        case .oneOf(let words): return words.contains { text.elementsEqual($0) }
        case .noneOf(let words): return !words.contains { text.elementsEqual($0) }
        case .startsWith(let prefix): return text.starts(with: prefix)
        case .endsWith(let suffix): return text.suffix(suffix.count).elementsEqual(suffix)
        case .contains(let part):
            return text.count >= part.count
                && (text.startIndex...text.endIndex - part.count).contains { text[$0...].starts(with: part) }
        case .isEmpty(let expected): return text.isEmpty == expected
        }
    }

    /// The bytes that two rows share exactly when they belong to one group; the name of an empty column instead.
    func groupKey(_ ruleIndex: Int, _ row: Row) -> (key: [UInt8], missing: String?) {
        var key = Array("\(ruleIndex)".utf8)
        for slot in mapping.rules[ruleIndex].groupBy {
            let text = row.text[trimmed(slot, [row], Place(row: 0))]
            if text.isEmpty { return ([], mapping.columns[slot.index]) }
            key += Array("/\(text.count):".utf8) + text
        }
        return (key, nil)
    }

    /// Builds the event of one rule into `json`.
    /// - Parameters:
    ///   - rows: the rows of the event; the first gives the values that are not lists or sums.
    ///   - derivedID: what a derived field becomes.
    ///   - isTrial: whether this only asks if the row could stand alone: totals are not judged then.
    /// - Returns: why it cannot be built, the first fault in the order of the fields.
    mutating func build(
        _ ruleIndex: Int, from rows: [Row], derivedID: [UInt8], isTrial: Bool = false
    ) -> Reason? {
        let rule = mapping.rules[ruleIndex]
        json.removeAll(keepingCapacity: true)
        json += "{\"type\":\"".utf8
        json += rule.type.utf8
        json.append(UInt8(ascii: "\""))
        for field in rule.fields {
            let reason: Reason?
            switch field.source {
            case .derived:
                appendKey(field)
                json.append(UInt8(ascii: "\""))
                json += derivedID
                json.append(UInt8(ascii: "\""))
                reason = nil
            case .sum(let formula, let list):
                reason = appendSum(field, formula, list: list, rows, isTrial: isTrial)
            case .each(let fields, let list):
                reason = appendList(field, fields, list: list, rows)
            default:
                reason = append(field, rows, Place(row: 0))
            }
            if let reason { return reason }
            if json.count > ImportLimits.eventBytes { return .tooLarge }
        }
        json.append(UInt8(ascii: "}"))
        return json.count > ImportLimits.eventBytes ? .tooLarge : nil
    }

    private mutating func appendKey(_ field: EventField) {
        if json.last != UInt8(ascii: "{") { json.append(UInt8(ascii: ",")) }
        json += field.key
    }

    private mutating func appendSum(
        _ field: EventField, _ formula: Formula, list: Int?, _ rows: [Row], isTrial: Bool
    ) -> Reason? {
        var sum = Ratio.zero
        for row in rows.indices {
            for element in 0..<elements(rows[row], list) {
                switch evaluate(formula, rows, Place(row: row, element: element)) {
                case .value(let term):
                    guard let next = sum.adding(term) else { return EventBuilder.fault(field) }
                    sum = next
                case .empty: return .missing(field.name)
                case .fault: return EventBuilder.fault(field)
                }
            }
        }
        if isTrial { return nil }
        appendKey(field)
        return appendNumber(sum, field)
    }

    private mutating func appendList(_ field: EventField, _ fields: [EventField], list: Int?, _ rows: [Row]) -> Reason?
    {
        let before = json.count
        appendKey(field)
        json.append(UInt8(ascii: "["))
        var count = 0
        for row in rows.indices {
            for element in 0..<elements(rows[row], list) {
                if count > 0 { json.append(UInt8(ascii: ",")) }
                json.append(UInt8(ascii: "{"))
                for inner in fields {
                    if let reason = append(inner, rows, Place(row: row, element: element)) { return reason }
                }
                json.append(UInt8(ascii: "}"))
                count += 1
                if json.count > ImportLimits.eventBytes { return .tooLarge }
            }
        }
        json.append(UInt8(ascii: "]"))
        if count > 0 { return nil }
        json.removeSubrange(before...)
        if field.isOptional { return nil }
        return field.name == "items" ? .emptyItems : .missing(field.name)
    }

    private func elements(_ row: Row, _ list: Int?) -> Int {
        guard let list else { return 1 }
        let width = mapping.lists[list].names.count
        return width == 0 ? 0 : row.lists[list].count / width
    }

    private mutating func append(_ field: EventField, _ rows: [Row], _ place: Place) -> Reason? {
        switch field.source {
        case .literal(let text):
            appendKey(field)
            json += text
            return nil
        case .formula(let formula):
            switch evaluate(formula, rows, place) {
            case .value(let ratio):
                appendKey(field)
                return appendNumber(ratio, field)
            case .empty: break
            case .fault: return EventBuilder.fault(field)
            }
        case .template(let template):
            switch compose(template, rows, place) {
            case .value:
                appendKey(field)
                return appendValue(field)
            case .empty: break
            case .fault: return .wrongType(field.name)
            }
        case .sum, .each, .derived: preconditionFailure("fields of events only are handled where the event is built")
        }
        if let fallback = field.fallback, case .value = compose(fallback, rows, place) {
            appendKey(field)
            return appendValue(field)
        }
        return field.isOptional ? nil : .missing(field.name)
    }

    private enum Outcome<Value> {
        case value(Value)
        case empty
        case fault
    }

    /// Writes a template's text into `value`.
    private mutating func compose(_ template: Template, _ rows: [Row], _ place: Place) -> Outcome<Void> {
        value.removeAll(keepingCapacity: true)
        for part in template.parts {
            switch part {
            case .text(let text): value += text
            case .column(let slot):
                if cell(slot, rows, place).kind == .other { return .fault }
                let range = trimmed(slot, rows, place)
                if range.isEmpty { return .empty }
                rows[place.row].text.withUnsafeBufferPointer {
                    value.append(contentsOf: UnsafeBufferPointer(rebasing: $0[range]))
                }
            }
            if value.count > ImportLimits.valueBytes { return .fault }
        }
        return .value(())
    }

    private mutating func evaluate(_ formula: Formula, _ rows: [Row], _ place: Place) -> Outcome<Ratio> {
        stack.removeAll(keepingCapacity: true)
        for step in formula.steps {
            switch step {
            case .number(let number): stack.append(number)
            case .column(let slot):
                if cell(slot, rows, place).kind == .other { return .fault }
                let range = trimmed(slot, rows, place)
                if range.isEmpty { return .empty }
                let number = rows[place.row].text.withUnsafeBufferPointer { text in
                    Ratio(UnsafeBufferPointer(rebasing: text[range]), mark: mark)
                }
                guard let number else { return .fault }
                stack.append(number)
            case .negate:
                guard let last = stack.popLast() else { return .fault }
                stack.append(last.negated)
            case .add, .subtract, .multiply, .divide:
                guard let right = stack.popLast(), let left = stack.popLast() else { return .fault }
                let result: Ratio? =
                    switch step {
                    case .add: left.adding(right)
                    case .subtract: left.adding(right.negated)
                    case .multiply: left.multiplied(by: right)
                    default: left.divided(by: right)
                    }
                guard let result else { return .fault }
                stack.append(result)
            }
        }
        return stack.last.map { .value($0) } ?? .fault
    }

    private func cell(_ slot: Slot, _ rows: [Row], _ place: Place) -> Row.Cell {
        guard let list = slot.list else { return rows[place.row].cells[places[slot.index]] }
        return rows[place.row].lists[list][place.element * mapping.lists[list].names.count + slot.index]
    }

    /// Where a column's text lies in its row, without the spaces around it; empty also for texts that mean nothing.
    private func trimmed(_ slot: Slot, _ rows: [Row], _ place: Place) -> Range<Int> {
        let cell = cell(slot, rows, place)
        if cell.kind == .missing || cell.kind == .other { return 0..<0 }
        var start = Int(cell.start)
        var end = Int(cell.end)
        return rows[place.row].text.withUnsafeBufferPointer { text in
            while start < end, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
            while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
            for word in mapping.layout.emptyValues where text[start..<end].elementsEqual(word) { return 0..<0 }
            return start..<end
        }
    }

    private static func fault(_ field: EventField) -> Reason {
        switch field.type {
        case .money: .badMoney
        case .quantity: .badQuantity
        case .timestamp: .badTimestamp
        case .string, .integer, .decimal: .wrongType(field.name)
        }
    }

    /// Appends `value` as the field's type asks.
    private mutating func appendValue(_ field: EventField) -> Reason? {
        switch field.type {
        case .string:
            JSONText.append(value, to: &json)
            return nil
        case .timestamp(let index):
            guard let instant = value.withUnsafeBufferPointer({ timestamps[index].instant($0) }) else {
                return .badTimestamp
            }
            json.append(UInt8(ascii: "\""))
            CalendarTime.appendUTC(instant, to: &json)
            json.append(UInt8(ascii: "\""))
            return nil
        case .integer, .decimal, .quantity, .money:
            let number = value.withUnsafeBufferPointer { Ratio($0, mark: mark) }
            guard let number else { return EventBuilder.fault(field) }
            return appendNumber(number, field)
        }
    }

    private static let placesMax = 12
    private static let amountMax: Int128 = 999_999_999_999_999_999

    private mutating func appendNumber(_ number: Ratio, _ field: EventField) -> Reason? {
        let scale: Int
        let scaled: Int128?
        switch field.type {
        case .integer, .quantity:
            (scale, scaled) = (0, number.exact(places: 0))
        case .decimal(nil):
            // As few places as it takes, so that large numbers fit too.
            let least = min(number.writtenPlaces, EventBuilder.placesMax)
            scale = (least...EventBuilder.placesMax).first { number.exact(places: $0) != nil } ?? EventBuilder.placesMax
            scaled = number.exact(places: scale)
        case .decimal(let places?):
            (scale, scaled) = (places, number.rounded(places: places))
        case .money(let places):
            (scale, scaled) = (places ?? 4, places.map { number.rounded(places: $0) } ?? number.exact(places: 4))
        case .string, .timestamp: preconditionFailure("a mapping gives numbers a number's type")
        }
        guard let scaled, scaled.magnitude <= EventBuilder.amountMax.magnitude else { return EventBuilder.fault(field) }
        if case .money(let places) = field.type {
            var amount = scaled
            for _ in (places ?? 4)..<4 { amount *= 10 }
            // Ten-thousandths in 18 digits are what the tables hold.
            guard !number.isNegative, amount <= EventBuilder.amountMax else { return .badMoney }
        }
        if field.type == .quantity, scaled < 1 { return .badQuantity }
        JSONNumber.append(Int64(scaled), places: scale, keeping: number.writtenPlaces, to: &json)
        return nil
    }
}

/// Text as JSON writes it.
enum JSONText {
    private static let hex = Array("0123456789abcdef".utf8)

    static func append(_ text: [UInt8], to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                out.append(UInt8(ascii: "\\"))
                out.append(byte)
            case 0x0a: out += "\\n".utf8
            case 0x0d: out += "\\r".utf8
            case 0x09: out += "\\t".utf8
            case 0..<0x20:
                out += "\\u00".utf8
                out.append(hex[Int(byte >> 4)])
                out.append(hex[Int(byte & 15)])
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
