import Engine
import Foundation

/// A file of comma-separated values of the project that becomes a table, as `dbt seed` makes it: the first line names the
/// columns; an empty field is null; a column has the type that `column_types` gives, or the first of integer, double, date,
/// timestamp, boolean and text that fits all its values.
struct Seed {
    /// Most bytes of a seed: it is a file for a version control, and larger data belongs into a source.
    static let bytesMax = 16 << 20
    /// Most columns.
    static let columnsMax = 500

    /// Its columns and their types in SQL, in the file's order.
    let columns: [(name: String, type: String)]
    /// Changes with any byte of the file.
    let fingerprint: String
    private let path: String
    private let delimiter: String

    /// - Parameters:
    ///   - name: the file's path in the project, for errors.
    ///   - types: `column_types` of the configuration.
    init(path: String, name: String, types: [String: String], delimiter: String) throws {
        func failure(_ line: Int, _ what: String) -> ModelError { ModelError(.project, "\(name):\(line): \(what)") }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ModelError(.project, "\(name) cannot be read")
        }
        guard data.count <= Self.bytesMax else {
            throw ModelError(
                .project,
                "\(name) is larger than \(Self.bytesMax >> 20) MiB: a seed is a small file, import larger ones")
        }
        guard String(data: data, encoding: .utf8) != nil else { throw ModelError(.project, "\(name) is not UTF-8") }
        guard delimiter.utf8.count == 1, let mark = delimiter.utf8.first, mark != 0x22, mark != 0x0A, mark != 0x0D
        else {
            throw ModelError(.project, "\(name): the delimiter must be one ASCII character")
        }
        var reader = CommaSeparated([UInt8](data), delimiter: mark)
        guard let header = try reader.next(failure) else { throw failure(1, "it has no line that names its columns") }
        let names = header.map(\.text)
        guard names.count <= Self.columnsMax else { throw failure(1, "it has more than \(Self.columnsMax) columns") }
        for (index, column) in names.enumerated() {
            guard !column.isEmpty else { throw failure(1, "column \(index + 1) has no name") }
            guard names.firstIndex(where: { $0.lowercased() == column.lowercased() }) == index else {
                throw failure(1, "two columns are called \(column)")
            }
        }
        if let stranger = types.keys.sorted().first(where: { !names.contains($0) }) {
            throw failure(1, "column_types names the column \(stranger), which the file does not have")
        }
        var guesses = names.map { types[$0] == nil ? SeedType.all : [] }
        while let row = try reader.next(failure) {
            guard row.count == names.count else {
                throw failure(reader.rowLine, "it has \(row.count) fields, and the first line names \(names.count)")
            }
            for index in guesses.indices where !guesses[index].isEmpty && !row[index].isNull {
                guesses[index].removeAll { !$0.fits(row[index].text) }
            }
        }
        columns = zip(names, guesses).map { name, guess in (name, types[name] ?? guess.first?.rawValue ?? "text") }
        fingerprint = ModelCoverage.name(of: data)
        self.path = path
        self.delimiter = delimiter
    }

    /// The statement that reads its rows.
    var sql: String {
        let raw = columns.map { "\(SQL.literal($0.name)): 'VARCHAR'" }.joined(separator: ", ")
        let typed = columns.map { "CAST(\(SQL.identifier($0.name)) AS \($0.type)) AS \(SQL.identifier($0.name))" }
        return """
            SELECT \(typed.joined(separator: ", "))
            FROM read_csv(\(SQL.literal(path)), header = true, auto_detect = false, delim = \(SQL.literal(delimiter)),
                quote = '"', escape = '"', nullstr = '', columns = {\(raw)})
            """
    }
}

/// The types that a seed's column without one in `column_types` may get.
enum SeedType: String, CaseIterable {
    case integer
    case double
    case date
    case timestamp
    case boolean
    case text

    static let all = SeedType.allCases

    func fits(_ text: String) -> Bool {
        let text = text.trimmingCharacters(in: .whitespaces)
        switch self {
        case .integer: return Int32(text) != nil
        case .double:
            return Double(text) != nil && text.allSatisfy { $0.isNumber || "+-.eE".contains($0) }
        case .date: return Self.isDate(text)
        case .timestamp:
            let parts = text.split(maxSplits: 1) { $0 == " " || $0 == "T" }
            return parts.count == 2 && Self.isDate(String(parts[0])) && Self.isTime(parts[1])
        case .boolean: return ["true", "false"].contains(text.lowercased())
        case .text: return true
        }
    }

    private static func isDate(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let month = Int(parts[1]), let day = Int(parts[2])
        else { return false }
        return (1...12).contains(month) && (1...31).contains(day)
    }

    private static func isTime(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 2, parts[1].count == 2, let hour = Int(parts[0]),
            let minute = Int(parts[1]), let second = Double(parts[2])
        else { return false }
        return (0...23).contains(hour) && (0...59).contains(minute) && second >= 0 && second < 60
    }
}

/// Reads comma-separated values (RFC 4180) row by row.
struct CommaSeparated {
    /// A field: empty and without quotes is null.
    struct Field {
        var bytes: [UInt8] = []
        var isQuoted = false

        var isNull: Bool { bytes.isEmpty }
        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let bytes: [UInt8]
    private let delimiter: UInt8
    private var position: Int
    private var line = 1
    /// The line that the last row began on.
    private(set) var rowLine = 1

    init(_ bytes: [UInt8], delimiter: UInt8) {
        self.bytes = bytes
        self.delimiter = delimiter
        // A mark of the byte order, as spreadsheets write it.
        position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    /// The next row that is not empty; nil after the last.
    mutating func next(_ failure: (Int, String) -> ModelError) throws -> [Field]? {
        while position < bytes.count {
            rowLine = line
            let row = try row(failure)
            if row.count > 1 || !row[0].bytes.isEmpty || row[0].isQuoted { return row }
        }
        return nil
    }

    private mutating func row(_ failure: (Int, String) -> ModelError) throws -> [Field] {
        var fields = [Field()]
        var isInside = false
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 0x0A { line += 1 }
            let last = fields.count - 1
            if isInside {
                if byte != 0x22 {
                    fields[last].bytes.append(byte)
                } else if position < bytes.count, bytes[position] == 0x22 {
                    fields[last].bytes.append(byte)
                    position += 1
                } else {
                    isInside = false
                }
            } else if byte == delimiter {
                guard fields.count < Seed.columnsMax else {
                    throw failure(rowLine, "it has more than \(Seed.columnsMax) fields")
                }
                fields.append(Field())
            } else if byte == 0x0A || byte == 0x0D {
                if byte == 0x0D, position < bytes.count, bytes[position] == 0x0A {
                    position += 1
                    line += 1
                }
                return fields
            } else if byte == 0x22, fields[last].bytes.isEmpty, !fields[last].isQuoted {
                isInside = true
                fields[last].isQuoted = true
            } else if fields[last].isQuoted {
                throw failure(rowLine, "something follows the closing quote of a field")
            } else {
                fields[last].bytes.append(byte)
            }
        }
        guard !isInside else { throw failure(rowLine, "a quoted field is not closed") }
        return fields
    }
}
