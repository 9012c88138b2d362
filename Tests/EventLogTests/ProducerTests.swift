import EventLog
import Events
import Testing

@Suite struct ProducerTests {
    private func send(_ log: EmbeddedLog, _ producers: some Sequence<Int>, sequence: Int64 = 1) throws {
        let answers = Answers()
        var count = 0
        for producer in producers {
            let stamp = ProducerStamp(producer: "producer \(producer)", sequence: sequence)
            log.append(AppendBatch(["\(producer)"], stamp: stamp)) { answers.give(producer, $0) }
            count += 1
        }
        answers.wait(for: count)
        #expect(answers.failures.isEmpty)
    }

    private func isKnown(_ log: EmbeddedLog, _ producer: Int, sequence: Int64 = 1) throws -> Bool {
        // A batch that is far ahead changes nothing and tells what was expected.
        let stamp = ProducerStamp(producer: "producer \(producer)", sequence: 1_000)
        guard
            case .outOfOrder(_, let expected, 1_000) = try logError({
                _ = try log.appendAndWait(AppendBatch(["x"], stamp: stamp))
            })
        else { throw LogError.closed }
        #expect(expected == 1 || expected == sequence + 1)
        return expected != 1
    }

    @Test(arguments: [64 << 20, 200_000] as [Int64])
    func theLongestSilentProducersAreForgottenAlsoAcrossReopening(_ segmentBytes: Int64) throws {
        let folder = try LogFolder()
        try folder.open(segmentBytes: segmentBytes) { log throws in
            try send(log, 0..<9_000)
            // The first of them speak again, and are no longer the longest silent.
            try send(log, 0..<500, sequence: 2)
        }
        try folder.open(segmentBytes: segmentBytes) { log throws in
            for producer in [0, 499] { #expect(try isKnown(log, producer, sequence: 2)) }
            for producer in [500, 8_999] { #expect(try isKnown(log, producer)) }
            // 11,000 may be remembered; one more, and the oldest go, so that 10,000 stay.
            try send(log, 9_000..<11_000)
            #expect(try isKnown(log, 500))
        }
        try folder.open(segmentBytes: segmentBytes) { log throws in
            #expect(try isKnown(log, 500), "still within the limit")
            try send(log, [11_000])
            for producer in [500, 1_499, 1_500] { #expect(try isKnown(log, producer) == (producer > 1_500)) }
            for producer in [0, 499] { #expect(try isKnown(log, producer, sequence: 2)) }
            for producer in [1_501, 8_999, 10_999, 11_000] { #expect(try isKnown(log, producer)) }
        }
        try folder.open(segmentBytes: segmentBytes) { log throws in
            for producer in [500, 1_500] { #expect(try !isKnown(log, producer)) }
            for producer in [1_501, 8_999, 11_000] { #expect(try isKnown(log, producer)) }
            for producer in [0, 499] { #expect(try isKnown(log, producer, sequence: 2)) }
        }
    }

    @Test(arguments: [64 << 20, 1] as [Int64])
    func aBatchThatComesTooEarlyIsRefusedAndTheRightOneTaken(_ segmentBytes: Int64) throws {
        let folder = try LogFolder()
        for session in 0..<3 as Range<Int64> {
            try folder.open(segmentBytes: segmentBytes) { log throws in
                for sequence in (session * 4 + 1)...(session * 4 + 4) {
                    for wrong in [sequence + 1, sequence + 7, .max] {
                        let stamp = ProducerStamp(producer: "ordered", sequence: wrong)
                        guard
                            case .outOfOrder("ordered", sequence, wrong) = try logError({
                                _ = try log.appendAndWait(AppendBatch(["early"], stamp: stamp))
                            })
                        else { throw LogError.closed }
                    }
                    let stamp = ProducerStamp(producer: "ordered", sequence: sequence)
                    #expect(try !log.appendAndWait(AppendBatch(["\(sequence)"], stamp: stamp)).isRepeat)
                    #expect(try log.appendAndWait(AppendBatch(["\(sequence)"], stamp: stamp)).isRepeat)
                }
            }
        }
        let found = try folder.open { try $0.everything().map(\.text) }
        #expect(found == (1...12).map { "\($0)" })
    }

    @Test func aRepeatIsAnsweredWithACommitThatHoldsItsOriginal() throws {
        let folder = try LogFolder()
        try folder.open { log throws in
            let stamp = ProducerStamp(producer: String(repeating: "é", count: 100), sequence: 1)
            let first = try log.appendAndWait(AppendBatch(["once"], stamp: stamp))
            _ = try log.appendAndWait(AppendBatch(["other"]))
            let again = try log.appendAndWait(AppendBatch(["once"], stamp: stamp))
            #expect(again.isRepeat && again.commit >= first.commit && again.commit <= log.cut().commit)
        }
        try folder.open { log throws in
            let stamp = ProducerStamp(producer: String(repeating: "é", count: 100), sequence: 1)
            #expect(try log.appendAndWait(AppendBatch(["once"], stamp: stamp)).isRepeat)
            #expect(log.cut().commit == 2)
        }
    }
}
