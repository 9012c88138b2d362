import EventLog
import Testing

@Suite struct RecentBytesTests {
    /// What the ring must hold: the whole segment as it was written.
    private struct Model {
        var firstCommit: Int64 = -1
        /// Where what is known begins.
        var start = 0
        var bytes: [UInt8] = []
        var end: Int { start + bytes.count }
    }

    @Test func itHoldsTheLastBytesOfTheNewestSegmentAndNothingElse() {
        let recent = RecentBytes()
        var random = SeededGenerator(seed: 11)
        var model = Model()
        var target = [UInt8](repeating: 0, count: RecentBytes.capacity + 4_096)
        let source = random.bytes(1 << 16)
        var full = 0
        for step in 0..<400 {
            // Sizes about the capacity, too, and segments that are resumed in their middle.
            let count =
                switch step % 40 {
                case 39: Int.random(in: (RecentBytes.capacity - 2)...(RecentBytes.capacity + 2), using: &random)
                case 20...24: Int.random(in: 0...(3 << 20), using: &random)
                default: Int.random(in: 0...9_000, using: &random)
                }
            if step == 0 || random.chance(90) {
                let start = random.chance(2) ? 0 : Int.random(in: 0...(1 << 40), using: &random)
                model = Model(firstCommit: Int64(step), start: start)
            }
            let shift = Int.random(in: 0..<source.count, using: &random)
            let new = (0..<count).map { source[($0 &+ shift) & (source.count - 1)] }
            let segment = Segment(firstCommit: model.firstCommit, folder: "segments")
            new.withUnsafeBytes { recent.append($0, at: Int64(model.end), of: segment) }
            model.bytes += new
            let excess = model.bytes.count - RecentBytes.capacity
            if excess > 0 {
                model.bytes.removeFirst(excess)
                model.start += excess
                full += 1
            }
            let edges = [model.start - 1, model.start, model.end - 1, model.end]
            let others = (0..<4).map { _ in Int.random(in: (model.start - 20)...(model.end + 20), using: &random) }
            for position in edges + others {
                let wanted = random.chance(8) ? target.count : Int.random(in: 0...20_000, using: &random)
                let got = target.withUnsafeMutableBytes { target in
                    target.baseAddress.map {
                        recent.read(wanted, at: Int64(position), of: model.firstCommit, into: $0)
                    } ?? -1
                }
                guard position >= model.start, position < model.end else {
                    #expect(got == 0)
                    continue
                }
                let expected = model.bytes[(position - model.start)...].prefix(wanted)
                #expect(got == expected.count)
                #expect(target[..<max(0, got)] == expected)
            }
            let other = target.withUnsafeMutableBytes { target in
                target.baseAddress.map { recent.read(10, at: Int64(model.start), of: model.firstCommit + 1, into: $0) }
            }
            #expect(other == 0, "bytes of another segment")
        }
        #expect(full > 20, "it never wrapped around")
    }

    @Test func bytesBehindAGapReplaceThoseBeforeIt() {
        let recent = RecentBytes()
        let segment = Segment(firstCommit: 1, folder: "segments")
        var target = [UInt8](repeating: 0, count: 16)
        func read(_ position: Int64) -> [UInt8] {
            let got = target.withUnsafeMutableBytes { target in
                target.baseAddress.map { recent.read(16, at: position, of: 1, into: $0) } ?? -1
            }
            return Array(target.prefix(max(0, got)))
        }
        ([1, 2, 3] as [UInt8]).withUnsafeBytes { recent.append($0, at: 0, of: segment) }
        #expect(read(0) == [1, 2, 3] && read(2) == [3] && read(3) == [])
        ([4, 5] as [UInt8]).withUnsafeBytes { recent.append($0, at: 100, of: segment) }
        #expect(read(0) == [] && read(100) == [4, 5])
    }
}
