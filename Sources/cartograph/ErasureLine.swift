import Foundation
import Synchronization

/// A line of a server's answer while it erases somebody: how far it is, and at last the certificate or what went wrong.
enum ErasureLine: Codable {
    case progress(String, Int64, Int64?)
    case certificate(ErasureCertificate)
    case error(String)

    private enum CodingKeys: String, CodingKey { case progress, certificate, error }

    private struct Step: Codable {
        let note: String
        let done: Int64
        let of: Int64?
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        if let step = try values.decodeIfPresent(Step.self, forKey: .progress) {
            self = .progress(step.note, step.done, step.of)
        } else if let error = try values.decodeIfPresent(String.self, forKey: .error) {
            self = .error(error)
        } else {
            self = .certificate(try values.decode(ErasureCertificate.self, forKey: .certificate))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .progress(let note, let done, let total):
            try values.encode(Step(note: note, done: done, of: total), forKey: .progress)
        case .certificate(let certificate): try values.encode(certificate, forKey: .certificate)
        case .error(let text): try values.encode(text, forKey: .error)
        }
    }

    /// The line without its end.
    var encoded: [UInt8] {
        get throws { Array(try JSONEncoder().encode(self)) }
    }
}

/// How often a caller is told how far an erasure is.
final class ErasurePace: Sendable {
    private static let every = Duration.milliseconds(100)
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    /// Whether it is time to tell; then it is not for a while.
    var isDue: Bool {
        last.withLock { last in
            let now = ContinuousClock.now
            if let last, now - last < Self.every { return false }
            last = now
            return true
        }
    }
}
