import CBytes

/// What was touched since the last checkpoint, and a part of the rest, as bytes and back: the pieces as they lie, since
/// the numbers given out next depend on them.
///
/// 64 numbers in a row are a word, and words fall into the key groups in turn. A checkpoint has, of words whose group it
/// holds whole, all pieces, and of the others those that were touched; so its cost follows the changes.
extension FraudPool {
    /// Whose key group a word is in.
    @inline(__always)
    private static func group(_ word: Int) -> Int { word % KeyGroup.count }

    private var words: Int { (Int(begun) + 63) / 64 }

    /// The numbers of a word that were given out; never number 0.
    @inline(__always)
    private func begun(_ word: Int) -> UInt64 {
        let some = Int(begun) &- word &* 64
        let mask: UInt64 = some >= 64 ? .max : (1 &<< UInt64(some)) &- 1
        return word == 0 ? mask & ~1 : mask
    }

    /// Writes the words of the groups `whole`, and of the others the pieces that were touched since the last time.
    ///
    /// - Parameter isLast: whether what is written counts as not touched from now on.
    func write(to out: inout ByteWriter, whole: Range<Int>, isLast: Bool) {
        out.raw(UInt32(count))
        out.raw(free)
        out.raw(begun)
        var chunks: [(word: Int, mask: UInt64)] = []
        var pieces = 0
        for word in 0..<words {
            let mask = whole.contains(FraudPool.group(word)) ? begun(word) : touched[word] & begun(word)
            guard mask != 0 else { continue }
            if isLast { touched[word] = 0 }
            chunks.append((word, mask))
            pieces += mask.nonzeroBitCount
        }
        out.raw(UInt32(chunks.count))
        out.reserve(chunks.count * 12 + pieces * stride)
        for (index, chunk) in chunks.enumerated() {
            prefetch(chunks, index + FraudPool.chunksAhead)
            out.raw(UInt32(chunk.word))
            out.raw(chunk.mask)
            let first = UInt32(chunk.word * 64)
            var left = chunk.mask
            if left == .max {
                out.append(UnsafeRawBufferPointer(start: self[first], count: 64 * stride))
                continue
            }
            while left != 0 {
                let number = first &+ UInt32(left.trailingZeroBitCount)
                out.append(UnsafeRawBufferPointer(start: self[number], count: stride))
                left &= left &- 1
            }
        }
    }

    /// How many words ahead pieces are fetched.
    private static var chunksAhead: Int { 6 }

    @inline(__always)
    private func prefetch(_ chunks: [(word: Int, mask: UInt64)], _ index: Int) {
        guard index < chunks.count, chunks[index].mask != .max else { return }
        var left = chunks[index].mask
        while left != 0 {
            let piece = self[UInt32(chunks[index].word &* 64 &+ left.trailingZeroBitCount)]
            for line in Swift.stride(from: 0, to: stride, by: 64) { cbytes_prefetch(piece + line) }
            left &= left &- 1
        }
    }

    /// Takes all that is there as touched: what no checkpoint holds yet.
    func touchAll() {
        for word in 0..<words { touched[word] = begun(word) }
    }

    /// Applies what `write` wrote; what is put together from several, from the oldest to the newest.
    ///
    /// - Parameters:
    ///   - covered: by word, the numbers that were read.
    ///   - isKept: whether a group's pieces count.
    mutating func restore(
        from reader: inout ByteReader, _ covered: inout [UInt64], _ isKept: (Int) -> Bool
    ) throws {
        count = Int(try reader.raw(UInt32.self))
        free = try reader.raw(UInt32.self)
        begun = try reader.raw(UInt32.self)
        guard begun >= 1, begun <= limit + 1, free < begun, count < begun else {
            throw reader.damaged("a number of the fraud state is out of bounds")
        }
        let chunks = Int(try reader.raw(UInt32.self))
        if covered.count < words { covered += [UInt64](repeating: 0, count: words - covered.count) }
        for _ in 0..<chunks {
            let word = Int(try reader.raw(UInt32.self))
            let mask = try reader.raw(UInt64.self)
            guard word < words, mask & ~begun(word) == 0 else {
                throw reader.damaged("a piece of the fraud state is out of bounds")
            }
            guard isKept(FraudPool.group(word)) else {
                try reader.skip(mask.nonzeroBitCount * stride)
                continue
            }
            covered[word] |= mask
            // Blocks as pieces come, so that a damaged number asks for no memory.
            while blockCount << Int(bits) < word * 64 + 64 { addBlock() }
            var left = mask
            while left != 0 {
                let number = UInt32(word * 64 + left.trailingZeroBitCount)
                try reader.copy(into: UnsafeMutableRawBufferPointer(start: self[number], count: stride))
                left &= left &- 1
            }
        }
    }

    /// Checks what was put together.
    ///
    /// - Returns: which numbers are of free pieces.
    func finish(_ reader: ByteReader, _ covered: [UInt64]) throws -> [Bool] {
        for word in 0..<words where word >= covered.count || covered[word] != begun(word) {
            throw reader.damaged("pieces of the fraud state are in no file")
        }
        // A damaged list of free pieces would be given out twice, or for ever.
        var isFree = [Bool](repeating: false, count: Int(begun))
        var next = free
        var met = 0
        while next != 0 {
            guard next < begun, !isFree[Int(next)] else {
                throw reader.damaged("free pieces of the fraud state do not hang together")
            }
            isFree[Int(next)] = true
            met += 1
            next = self[next].load(fromByteOffset: FraudPool.link, as: UInt32.self)
        }
        guard met == Int(begun) - 1 - count else { throw reader.damaged("pieces of the fraud state are missing") }
        return isFree
    }
}
