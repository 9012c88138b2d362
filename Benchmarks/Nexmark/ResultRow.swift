package import Streaming

/// A result of a query, as fields that can be compared with what SQL gives.
package protocol ResultRow: BitwiseCopyable {
    /// How many of the first fields say which result this takes the place of; 0 where results only are added.
    static var keyFields: Int { get }
    /// Puts the fields, in the order of the query's columns.
    func put<Fields: FieldWriter>(into fields: inout Fields)
}

extension ResultRow {
    package static var keyFields: Int { 0 }
}

/// Takes the fields of results.
package protocol FieldWriter {
    /// A number, or a time in milliseconds.
    mutating func put(_ number: Int64)
    /// A text.
    mutating func put(_ text: TextRef)
}

/// Looks at every field of every result and keeps nothing: the sink of benchmarks. Without a look at them the compiler
/// would leave out the work of making them.
package struct Digest<Input: ResultRow>: Receiver, FieldWriter {
    /// How many results came.
    package private(set) var count = 0
    /// Depends on all numbers, and on the lengths and the first bytes of all texts.
    package private(set) var digest: UInt64 = 0

    /// Of no results.
    package init() {}

    @inline(__always)
    package mutating func receive(_ element: Input, at time: Int64) throws(StreamError) {
        count &+= 1
        element.put(into: &self)
    }

    @inline(__always)
    package mutating func put(_ number: Int64) { digest = (digest &+ UInt64(bitPattern: number)) &* 0x9e37_79b9 }

    @inline(__always)
    package mutating func put(_ text: TextRef) {
        digest = (digest &+ UInt64(text.count) &+ (text.count > 0 ? UInt64(text.base.pointee) : 0)) &* 0x9e37_79b9
    }
}

/// Keeps results as lines of text: what a table would hold in the end. For tests.
package final class ResultTable {
    private var added: [String] = []
    private var replaced: [String: String] = [:]
    /// How many results came.
    package private(set) var count = 0

    /// Without results.
    package init() {}

    /// The lines, sorted.
    package var lines: [String] { (added + replaced.values).sorted() }

    fileprivate func keep(_ fields: [String], keyFields: Int) {
        count += 1
        let line = fields.joined(separator: "|")
        if keyFields == 0 {
            added.append(line)
        } else {
            replaced[fields.prefix(keyFields).joined(separator: "|")] = line
        }
    }
}

/// Puts results into a table.
package struct Keep<Input: ResultRow>: Receiver {
    private struct Texts: FieldWriter {
        var fields: [String] = []
        mutating func put(_ number: Int64) { fields.append(String(number)) }
        mutating func put(_ text: TextRef) { fields.append(text.string) }
    }

    private let table: ResultTable

    /// Into a table.
    package init(_ table: ResultTable) { self.table = table }

    package mutating func receive(_ element: Input, at time: Int64) throws(StreamError) {
        var texts = Texts()
        element.put(into: &texts)
        table.keep(texts.fields, keyFields: Input.keyFields)
    }
}
