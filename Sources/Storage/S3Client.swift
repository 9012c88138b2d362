import Foundation
import Synchronization

/// One question to the store, to be signed anew for every try.
struct S3Call {
    var method: String
    var location: S3Location
    /// The key in the place of the location's; a call about the bucket has an empty one.
    var key: String?
    var query: [(String, String)] = []
    var headers: HTTPFields = [:]
    var body: [UInt8] = []
    /// Most bytes of the answer's body.
    var bytesMax = 1 << 20
    /// Statuses that are answers to the caller and not failures, besides 200 to 299.
    var expected: Set<Int> = []
    /// Codes of failures that are answers to the caller, whatever their status.
    var expectedCodes: Set<String> = []

    init(_ method: String, _ location: S3Location) {
        self.method = method
        self.location = location
    }
}

/// The answer, and what came before it.
struct S3Answer {
    let response: HTTPResponse
    /// Whether an earlier try of the same call may have done its work unseen.
    let mayBeRepeated: Bool
    /// The store's word for a failure, such as `NoSuchKey`.
    let code: String
}

/// Signs calls, sends them, repeats them within bounds, and says in words why they fail.
package final class S3Client: Sendable {
    /// The pause before the first repetition, in seconds; it doubles with each.
    static let pauseSeconds = 0.1
    /// The longest pause, in seconds, also where the store asks for a longer one.
    static let pauseSecondsMax = 10.0

    let settings: S3Settings
    let endpoint: S3Endpoint
    let credentials: S3CredentialSource
    private let transport: HTTPTransport
    private let wallClock: @Sendable () -> Double
    private let pause: @Sendable (Double) -> Void
    /// What the store's clock is ahead of ours, in seconds, once it has complained.
    private let clockOffset = Mutex(0.0)

    /// A client for completed settings.
    /// - Parameters:
    ///   - addresses: of hosts whose names are not asked for elsewhere.
    ///   - connections: those of other clients; nil for its own.
    ///   - wallClock: seconds since 1970 UTC, for signatures.
    ///   - pause: waits between two tries, in seconds.
    package init(
        _ settings: S3Settings, credentials: S3CredentialSource, addresses: [String: String] = [:],
        connections: HTTPTransport? = nil,
        wallClock: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
        pause: @escaping @Sendable (Double) -> Void = { Thread.sleep(forTimeInterval: $0) }
    ) throws {
        self.settings = settings
        self.credentials = credentials
        self.wallClock = wallClock
        self.pause = pause
        endpoint = try S3Endpoint(settings)
        do {
            var fresh = HTTPTransport.Settings(certificateAuthorities: settings.certificateAuthorities)
            fresh.addresses = addresses
            transport = try connections ?? HTTPTransport(fresh)
        } catch {
            throw StorageError(.failed, at: endpoint.shown, "\(error)")
        }
    }

    /// Sends a call until it has an answer that is not of the passing kind, or its bounds are reached.
    /// - Throws: ``StorageError``.
    func send(_ call: S3Call) throws -> S3Answer {
        let began = ContinuousClock.now
        var mayBeRepeated = false
        var hasRenewed = false
        var attempt = 1
        while true {
            let keys = try credentials.credentials()
            let failure: Failure
            switch try sendOnce(call, keys) {
            case .answer(let response, let code):
                return S3Answer(response: response, mayBeRepeated: mayBeRepeated, code: code)
            case .failure(let found): failure = found
            }
            if failure.mayHaveArrived { mayBeRepeated = true }
            if failure.code == "RequestTimeTooSkewed", !hasRenewed, let theirs = failure.storeTime {
                hasRenewed = true
                clockOffset.withLock { $0 = theirs - wallClock() }
            } else if ["ExpiredToken", "TokenRefreshRequired"].contains(failure.code), !hasRenewed {
                hasRenewed = true
                credentials.forget(keys)
            } else {
                guard failure.isPassing else { throw S3Failure.error(call, failure, keys, self) }
                let spent = (ContinuousClock.now - began).seconds
                guard attempt < settings.attempts, spent < settings.totalSeconds else {
                    throw S3Failure.exhausted(call, failure, attempts: attempt, seconds: spent, mayBeRepeated)
                }
                let longest = min(Self.pauseSecondsMax, Self.pauseSeconds * Double(1 << min(attempt, 20)))
                // Jitter keeps those who failed together from coming back together.
                let chosen = max(
                    Double.random(in: longest / 2...longest), min(failure.retryAfter ?? 0, Self.pauseSecondsMax))
                pause(min(chosen, max(0, settings.totalSeconds - spent)))
            }
            attempt += 1
        }
    }

    /// Why a try has no answer for the caller.
    struct Failure {
        var status = 0
        var code = ""
        var message = ""
        /// Whether trying again may help.
        var isPassing = false
        /// Whether the store may have done what was asked.
        var mayHaveArrived = false
        var retryAfter: Double?
        /// The store's clock, in seconds since 1970 UTC.
        var storeTime: Double?
        var region: String?
    }

    private enum Outcome {
        case answer(HTTPResponse, code: String)
        case failure(Failure)
    }

    private func sendOnce(_ call: S3Call, _ keys: S3Credentials) throws -> Outcome {
        let target = endpoint.target(call.location.bucket, call.key ?? call.location.key)
        let request = S3Signer(credentials: keys, region: settings.region ?? "us-east-1").signed(
            call.method, isTLS: endpoint.isTLS, authority: target.authority, path: target.path, query: call.query,
            headers: call.headers, body: call.body, at: Int64(wallClock() + clockOffset.withLock { $0 }))
        let response: HTTPResponse
        do {
            response = try transport.send(
                request, timeoutSeconds: settings.attemptSeconds, bytesMax: max(call.bytesMax, Self.errorBytesMax))
        } catch let error as HTTPTransportError where error.isTooLong {
            throw StorageError(
                .tooLarge, at: call.location.description, "has more than the \(call.bytesMax) bytes read at once")
        } catch let error as HTTPTransportError {
            return .failure(
                Failure(message: error.description, isPassing: true, mayHaveArrived: error.mayHaveArrived))
        }
        let document =
            response.status < 300 && !Self.isError(response) ? nil : try? XMLElement(parsing: response.body)
        if (200..<300).contains(response.status), document?.name != "Error" {
            guard response.body.count <= call.bytesMax else {
                throw StorageError(
                    .tooLarge, at: call.location.description, "has more than the \(call.bytesMax) bytes read at once")
            }
            return .answer(response, code: "")
        }
        let code = document?.text("Code") ?? ""
        let isMissingBucket = code == "NoSuchBucket"
        if !isMissingBucket, call.expected.contains(response.status) || call.expectedCodes.contains(code) {
            return .answer(response, code: code)
        }
        // An error inside of a good status is how a long call reports that it failed after its first byte.
        let isPassing =
            [408, 425, 429, 500, 502, 503, 504].contains(response.status) || response.status == 200
            || Self.passingCodes.contains(code)
        return .failure(
            Failure(
                status: response.status, code: code, message: document?.text("Message") ?? "", isPassing: isPassing,
                mayHaveArrived: response.status >= 500 || response.status == 200 || response.status == 408,
                retryAfter: response.headers["Retry-After"].flatMap { Double($0) },
                storeTime: response.headers["Date"].flatMap { HTTPDate.seconds($0) },
                region: response.headers["x-amz-bucket-region"] ?? document?.text("Region")))
    }

    /// What an error's own words may take.
    private static let errorBytesMax = 64 << 10
    private static let passingCodes: Set<String> = [
        "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted",
        "ConditionalRequestConflict", "ThrottlingException", "Throttling", "RequestLimitExceeded",
    ]

    /// Whether a good status comes with an error for a body, as it may where a call takes long.
    private static func isError(_ response: HTTPResponse) -> Bool {
        response.status == 200 && response.body.count < errorBytesMax
            && response.headers["Content-Type"]?.contains("xml") == true
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// The times of HTTP fields and of listings.
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// Seconds since 1970 UTC of `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else.
    static func seconds(_ text: String) -> Double? {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == ":" })
        guard words.count == 8, words[7] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        return seconds([words[3], Substring(String(month + 1)), words[1], words[4], words[5], words[6]]).map(
            Double.init)
    }

    /// Microseconds since 1970 UTC of `2026-11-21T10:00:00.123Z`; nil for anything else.
    static func microseconds(iso text: String) -> Int64? {
        guard text.hasSuffix("Z") else { return nil }
        let words = text.dropLast().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let digits = words.count > 1 ? words[1].prefix(6) : ""
        guard let clock = words.first, clock.contains("T"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let seconds = seconds(clock.split(whereSeparator: { "-T:".contains($0) }))
        else { return nil }
        return seconds * 1_000_000 + (Int64(digits + String(repeating: "0", count: 6 - digits.count)) ?? 0)
    }

    /// Year, month, day, hour, minute and second.
    private static func seconds(_ words: [Substring]) -> Int64? {
        let numbers = words.compactMap { $0.utf8.count <= 4 ? Int32($0) : nil }
        guard numbers.count == 6, (1970...9999).contains(numbers[0]), (1...12).contains(numbers[1]),
            (1...31).contains(numbers[2]), (0...23).contains(numbers[3]), (0...59).contains(numbers[4]),
            (0...60).contains(numbers[5])
        else { return nil }
        var parts = tm()
        parts.tm_year = numbers[0] - 1900
        parts.tm_mon = numbers[1] - 1
        parts.tm_mday = numbers[2]
        parts.tm_hour = numbers[3]
        parts.tm_min = numbers[4]
        parts.tm_sec = numbers[5]
        return Int64(timegm(&parts))
    }
}
