import Synchronization

/// Why a request may not write.
public enum WriteRefusal: Error, Sendable, Equatable {
    /// It shows neither a key nor the token, and one is needed.
    case missing
    /// It shows one that is not known.
    case unknown
    /// Its key was revoked.
    case revoked(id: String)
    /// It comes from a web page of an origin that is not allowed.
    case wrongOrigin
    /// Its key has no token left.
    case overRate(id: String, rate: Int, retryAfterSeconds: Int)
    /// Its key has used up its day.
    case overQuota(id: String, daily: Int, retryAfterSeconds: Int)

    /// One line that says what to do.
    public var message: String {
        switch self {
        case .missing:
            "a write key is needed: send it as Authorization: Bearer KEY, as X-Cartograph-Key: KEY, or as ?key=KEY"
        case .unknown: "the write key is not known: check it, or make one with `cartograph keys add`"
        case .revoked(let id): "the write key \(id) was revoked: use another"
        case .wrongOrigin:
            "pages of this origin may not write: name it with `cartograph keys add --origin`, or in cors_origins"
        case .overRate(_, let rate, let seconds):
            "the write key's rate of \(rate) events a second is used up: again in \(seconds) s"
        case .overQuota(_, let daily, let seconds):
            "the write key's quota of \(daily) events a day is used up: again after midnight UTC, in \(seconds) s"
        }
    }

    /// The id of the key whose limits are used up.
    public var limitedKeyID: String? {
        switch self {
        case .overRate(let id, _, _), .overQuota(let id, _, _): id
        case .missing, .unknown, .revoked, .wrongOrigin: nil
        }
    }

    /// After how many seconds it may be tried again; nil when waiting does not help.
    public var retryAfterSeconds: Int? {
        switch self {
        case .overRate(_, _, let seconds), .overQuota(_, _, let seconds): seconds
        case .missing, .unknown, .revoked, .wrongOrigin: nil
        }
    }
}

/// The right to write one request, to be settled once its events are counted.
public struct WriteGrant: Sendable {
    let key: KeyState?
    let day: Int64
    let clock: AccessClock

    /// The id of the key; nil for the token, or where none is needed.
    public var keyID: String? { key?.id }

    /// Counts the events that the request turned out to hold: 0 when nothing was stored, or stored before.
    public func settle(events: Int) { key?.settle(events: events, day: day, clock) }
}

/// Decides who may write: everybody who shows the token or a key that has something left, or simply everybody as long
/// as there is neither.
public struct WriteAccess: Sendable {
    private let tokens: [SecretDigest]
    private let keys: KeyStore
    private let origins: [String]
    private let isTokenNeeded: Bool
    /// Compared with where the id is not known, so that the answer takes as long.
    private let nobody = SecretDigest(of: "")

    /// - Parameters:
    ///   - token: the secret that may do everything, where one is configured; then nobody writes without it or a key.
    ///   - ownToken: a secret that this process shows to itself.
    ///   - keys: the write keys.
    ///   - origins: the origins of the web pages that may write without a key of their own.
    public init(token: String?, ownToken: String? = nil, keys: KeyStore, origins: [String] = []) {
        tokens = [token, ownToken].compactMap { $0 }.filter { !$0.isEmpty }.map { SecretDigest(of: $0) }
        isTokenNeeded = token?.isEmpty == false
        self.keys = keys
        self.origins = origins
    }

    /// Lets a request in, for one event of its key's limits, or says why not.
    ///
    /// - Parameters:
    ///   - credential: the key or the token that it shows.
    ///   - origin: the web page's origin, as a browser says it; nil for other senders and for our own pages.
    public func grant(_ credential: String?, origin: String?) -> Result<WriteGrant, WriteRefusal> {
        let free = WriteGrant(key: nil, day: 0, clock: keys.clock)
        let isOpen = !isTokenNeeded && !keys.areNeeded
        // Nobody has to show anything, but a page of just any site must not reach a server on somebody's machine.
        func letInIfOpen(otherwise refusal: WriteRefusal) -> Result<WriteGrant, WriteRefusal> {
            guard isOpen else { return .failure(refusal) }
            if let origin, !Origin.isAllowed(origin, by: origins) { return .failure(.wrongOrigin) }
            return .success(free)
        }
        guard let credential, !credential.isEmpty else { return letInIfOpen(otherwise: .missing) }
        let shown = SecretDigest(of: credential)
        if let id = WriteKey.id(of: credential) {
            let key = keys.key(String(id))
            guard (key?.digest ?? nobody).isSame(as: shown), let key else { return .failure(.unknown) }
            return key.take(origin: origin, keys.clock).map { WriteGrant(key: key, day: $0, clock: keys.clock) }
        }
        var isToken = false
        for token in tokens where token.isSame(as: shown) { isToken = true }
        return isToken ? .success(free) : letInIfOpen(otherwise: .unknown)
    }

    /// Whether a browser may show an answer to a page of that origin.
    ///
    /// - Parameter credential: the key that the request shows; without one, as in a preflight, it is enough that some
    ///   key or the configuration allows the page.
    public func allows(origin: String, credential: String?) -> Bool {
        if let id = credential.flatMap({ WriteKey.id(of: $0) }), let key = keys.key(String(id)) {
            return Origin.isAllowed(origin, by: key.origins)
        }
        return Origin.isAllowed(origin, by: origins) || keys.someAllows(origin)
    }
}
