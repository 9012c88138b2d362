import Foundation
import Iceberg
import Storage

/// Rows in memory, the files that would hold them, and a plain judge of conditions on them.
struct ScanRows {
    typealias Row = [Int: IcebergValue]

    static let schema = Schema(assigningIDs: [
        ColumnDefinition("id", .long), ColumnDefinition("level", .int), ColumnDefinition("price", .double),
        ColumnDefinition("weight", .float), ColumnDefinition("name", .string),
        ColumnDefinition("amount", .decimal(precision: 18, scale: 4)), ColumnDefinition("at", .timestamptz),
        ColumnDefinition("day", .date), ColumnDefinition("code", .binary), ColumnDefinition("sold", .boolean),
    ])

    private static let words = ["", "a", "ab", "abc", "abcd", "zebra", "źdźbło", "日本語テキスト", "\u{10FFFF}", "ab\u{0}"]

    static func value(_ column: NestedField, _ random: inout SeededGenerator) -> IcebergValue {
        if Int.random(in: 0..<8, using: &random) == 0 { return .null }
        func small() -> Int { Int.random(in: -20...20, using: &random) }
        switch column.type {
        case .long: return .long(Int64(small()) * (Bool.random(using: &random) ? 1 : 1 << 40))
        case .int: return .int(Int32(small()))
        case .double: return .double(number(small()))
        case .float: return .float(Float(number(small())))
        case .string:
            let word = words.randomElement(using: &random) ?? ""
            return .string(small() > 10 ? String(repeating: word, count: 12) : word + String(small()))
        case .decimal: return .decimal(Int128(small()) * 33_333)
        case .timestamptz: return .timestamptz(Int64(small()) * 7_200_000_000 - Int64(small()))
        case .date: return .date(Int32(small() * 11))
        case .binary: return .binary(Array(repeating: UInt8(abs(small()) * 12), count: abs(small())))
        default: return .boolean(small() > 0)
        }
    }

    private static func number(_ small: Int) -> Double {
        switch small {
        case 20: .nan
        case 19: .infinity
        case -20: -.infinity
        case 0: -0.0
        default: Double(small) / 4
        }
    }

    /// A file of rows that share a partition, as a careful writer describes it; some leave statistics out.
    static func file(
        _ rows: [Row], named name: String, spec: PartitionSpec, types: [Int: IcebergType],
        _ random: inout SeededGenerator
    ) throws -> DataFile {
        var file = DataFile(
            location: name, specID: spec.specID, partition: try partition(rows[0], spec, types),
            recordCount: Int64(rows.count), fileSizeInBytes: 1)
        for (id, type) in types where Int.random(in: 0..<6, using: &random) > 0 {
            let values = rows.map { $0[id] ?? .null }
            let known = values.filter { $0 != .null }
            file.valueCounts[id] = Int64(rows.count)
            file.nullValueCounts[id] = Int64(rows.count - known.count)
            let numbers = known.filter { !isNaN($0) }
            if type == .float || type == .double {
                if Bool.random(using: &random) { file.nanValueCounts[id] = Int64(known.count - numbers.count) }
                // Others write bounds of floats, over what is a number.
                if Bool.random(using: &random) { continue }
            }
            guard let low = numbers.min(by: { compare($0, $1) ?? 0 < 0 }),
                let high = numbers.max(by: { compare($0, $1) ?? 0 < 0 })
            else { continue }
            let isFloating = type == .float || type == .double
            file.lowerBounds[id] = isFloating ? SingleValue.encode(low) : SingleValue.lowerBound(low)
            file.upperBounds[id] = isFloating ? SingleValue.encode(high) : SingleValue.upperBound(high)
        }
        return file
    }

    static func partition(_ row: Row, _ spec: PartitionSpec, _ types: [Int: IcebergType]) throws -> [IcebergValue] {
        try spec.fields.map { try $0.transform.apply(row[$0.sourceID] ?? .null) }
    }

    // MARK: Conditions

    static func expression(_ random: inout SeededGenerator, depth: Int = 0) -> RowFilter {
        let parts = { (random: inout SeededGenerator) in
            (0..<Int.random(in: 0...3, using: &random)).map { _ in expression(&random, depth: depth + 1) }
        }
        switch Int.random(in: 0..<(depth < 3 ? 10 : 6), using: &random) {
        case 0..<6: return leaf(&random)
        case 6: return .not(expression(&random, depth: depth + 1))
        case 7: return .or(parts(&random))
        default: return .and(parts(&random) + [leaf(&random)])
        }
    }

    private static func leaf(_ random: inout SeededGenerator) -> RowFilter {
        let column = schema.fields[Int.random(in: 0..<schema.fields.count, using: &random)]
        let name = column.name
        let value = Self.value(column, &random)
        switch Int.random(in: 0..<14, using: &random) {
        case 0: return .isNull(name)
        case 1: return .notNull(name)
        case 2: return .isNaN(name)
        case 3: return .notNaN(name)
        case 4: return .less(name, value)
        case 5: return .lessOrEqual(name, value)
        case 6: return .greater(name, value)
        case 7: return .greaterOrEqual(name, value)
        case 8, 9: return .equal(name, value)
        case 10: return .notEqual(name, value)
        case 11:
            return .isIn(name, (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.value(column, &random) })
        case 12:
            return .notIn(name, (0..<Int.random(in: 0...4, using: &random)).map { _ in Self.value(column, &random) })
        default:
            let prefix = String(
                (words.randomElement(using: &random) ?? "").prefix(Int.random(in: 0...6, using: &random)))
            return Bool.random(using: &random) ? .startsWith("name", prefix) : .notStartsWith("name", prefix)
        }
    }

    /// SQL's answer: nil is unknown.
    static func truth(_ expression: RowFilter, _ row: Row) -> Bool? {
        func value(_ name: String) -> IcebergValue { schema.field(named: name).flatMap { row[$0.id] } ?? .null }
        func order(_ name: String, _ other: IcebergValue, _ test: (Int) -> Bool) -> Bool? {
            compare(value(name), other).map(test)
        }
        switch expression {
        case .always(let answer): return answer
        case .not(let inner): return truth(inner, row).map { !$0 }
        case .and(let parts):
            let answers = parts.map { truth($0, row) }
            return answers.contains(false) ? false : answers.contains(nil) ? nil : true
        case .or(let parts):
            let answers = parts.map { truth($0, row) }
            return answers.contains(true) ? true : answers.contains(nil) ? nil : false
        case .isNull(let name): return value(name) == .null
        case .notNull(let name): return value(name) != .null
        case .isNaN(let name): return value(name) == .null ? nil : isNaN(value(name))
        case .notNaN(let name): return value(name) == .null ? nil : !isNaN(value(name))
        case .less(let name, let other): return order(name, other) { $0 < 0 }
        case .lessOrEqual(let name, let other): return order(name, other) { $0 <= 0 }
        case .greater(let name, let other): return order(name, other) { $0 > 0 }
        case .greaterOrEqual(let name, let other): return order(name, other) { $0 >= 0 }
        case .equal(let name, let other): return order(name, other) { $0 == 0 }
        case .notEqual(let name, let other): return order(name, other) { $0 != 0 }
        case .isIn(let name, let others): return truth(.or(others.map { .equal(name, $0) }), row)
        case .notIn(let name, let others): return truth(.and(others.map { .notEqual(name, $0) }), row)
        case .startsWith(let name, let prefix):
            guard case .string(let text) = value(name) else { return nil }
            return text.utf8.starts(with: prefix.utf8)
        case .notStartsWith(let name, let prefix): return truth(.startsWith(name, prefix), row).map { !$0 }
        }
    }

    private static func isNaN(_ value: IcebergValue) -> Bool {
        switch value {
        case .double(let number): number.isNaN
        case .float(let number): number.isNaN
        default: false
        }
    }

    /// Below zero, zero or above; NaN is above all; nil with null.
    private static func compare(_ a: IcebergValue, _ b: IcebergValue) -> Int? {
        func order<Value: Comparable>(_ a: Value, _ b: Value) -> Int { a < b ? -1 : a > b ? 1 : 0 }
        func floats<Value: BinaryFloatingPoint>(_ a: Value, _ b: Value) -> Int {
            a.isNaN || b.isNaN ? order(a.isNaN ? 1 : 0, b.isNaN ? 1 : 0) : order(a, b)
        }
        switch (a, b) {
        case (.long(let a), .long(let b)), (.timestamptz(let a), .timestamptz(let b)): return order(a, b)
        case (.int(let a), .int(let b)), (.date(let a), .date(let b)): return order(a, b)
        case (.double(let a), .double(let b)): return floats(a, b)
        case (.float(let a), .float(let b)): return floats(a, b)
        case (.string(let a), .string(let b)):
            return a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
        case (.binary(let a), .binary(let b)): return a == b ? 0 : a.lexicographicallyPrecedes(b) ? -1 : 1
        case (.decimal(let a), .decimal(let b)): return order(a, b)
        case (.boolean(let a), .boolean(let b)): return order(a ? 1 : 0, b ? 1 : 0)
        default: return nil
        }
    }
}
