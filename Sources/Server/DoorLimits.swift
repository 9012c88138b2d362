import Collector

/// The bounds of the HTTP side of the server, one name each.
public struct DoorLimits: Sendable {
    /// The most connections at once; further ones wait in the system's queue.
    public var connections = 1_024
    /// Bytes of request bodies held at once, over all connections, until their events are durable; past it the answer
    /// is 429.
    public var inFlightBytes = 64 << 20
    /// After how many seconds without a byte a connection that waits for a request is closed.
    public var idleSeconds = 60.0
    /// How long a request's head may take from its first byte, in seconds.
    public var headSeconds = 10.0
    /// How long a body may take before its rate is looked at, in seconds.
    public var bodyGraceSeconds = 10.0
    /// After that, the least average rate of a body, in bytes a second.
    public var bodyBytesPerSecond = 4_096.0
    /// How long a body may take in all, in seconds.
    public var bodySeconds = 120.0
    /// How long a client may leave an answer unread once the system's buffers are full, in seconds.
    public var stallSeconds = 60.0
    /// How long a connection that was told to close may take to do so, in seconds.
    public var lingerSeconds = 2.0
    /// How long a body that is being read may take once the server was asked to stop, in seconds.
    public var drainSeconds = 10.0
    /// How much of the body of a refused request is read and thrown away, so that its sender gets to read the answer.
    public var discardedBytes = 48 << 20
    /// The most that is set aside at once for a body whose length is announced; a longer one grows.
    public var presizedBytes = 1 << 20
    /// Parts (heads, pieces of bodies, ends) of pipelined requests that are held while one before them is in progress.
    /// What was read at once is below this; past it the connection ends after the requests that are held.
    public var heldParts = 4_096
    /// Bytes of pipelined bodies that are held so.
    public var heldBytes = 1 << 20
    /// The longest header field, in bytes.
    public var headerFieldBytes = 16 << 10
    /// The most bytes of all header fields.
    public var headerBytes = 64 << 10
    /// The most header fields.
    public var headerFields = 100

    /// The bounds that the product has.
    public init() {}
}
