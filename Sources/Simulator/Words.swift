/// A list of short texts, back to back in one array, so that writing one touches no String.
struct Words: Sendable {
    private let bytes: [UInt8]
    private let ends: [Int]

    /// The longest text, in bytes: what keeps every line under `LineBuffer.lineBytesMax`.
    static let wordBytesMax = 64

    /// The texts in order; none may be longer than `wordBytesMax`.
    init(_ texts: [String]) {
        precondition(texts.allSatisfy { $0.utf8.count <= Words.wordBytesMax }, "a word is too long")
        bytes = texts.flatMap { Array($0.utf8) }
        var end = 0
        ends = texts.map {
            end += $0.utf8.count
            return end
        }
    }

    /// How many there are.
    var count: Int { ends.count }

    /// One text.
    func text(of index: Int) -> String {
        var text = ""
        withBytes(of: index) { text = String(decoding: $0, as: UTF8.self) }
        return text
    }

    /// The bytes of one text.
    @inline(__always)
    func withBytes(of index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        let start = index == 0 ? 0 : ends[index - 1]
        let end = ends[index]
        bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
    }
}
