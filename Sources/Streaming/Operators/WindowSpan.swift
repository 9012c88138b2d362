/// How time is cut into windows of one length, one beginning every `slide`.
public struct WindowSpan: BitwiseCopyable, Equatable, Sendable {
    /// How long a window is.
    public let size: Int64
    /// How far apart windows begin; at most the size.
    public let slide: Int64
    /// When a window begins, for example a time zone's distance from UTC; between 0 and the slide.
    public let offset: Int64

    /// Windows that overlap where the slide is shorter than the size.
    public static func hopping(size: Int64, slide: Int64, offset: Int64 = 0) -> WindowSpan {
        precondition(
            slide > 0 && size >= slide && offset >= 0 && offset < slide, "0 < slide ≤ size, 0 ≤ offset < slide")
        return WindowSpan(size: size, slide: slide, offset: offset)
    }

    /// Windows side by side.
    public static func tumbling(_ size: Int64, offset: Int64 = 0) -> WindowSpan {
        hopping(size: size, slide: size, offset: offset)
    }

    /// The length of the slices that all windows are made of: what size and slide are both multiples of.
    public var slice: Int64 {
        var (a, b) = (size, slide)
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// When the last window that a time belongs to begins.
    @inlinable
    public func lastStart(_ time: Int64) -> Int64 {
        let since = time &- offset
        let rest = since % slide
        return time &- (rest >= 0 ? rest : rest &+ slide)
    }

    /// When the first window that a time belongs to ends.
    @inlinable
    public func firstEnd(_ time: Int64) -> Int64 {
        // The smallest end after the time; ends are as far apart as beginnings.
        lastStart(time &- size) &+ slide &+ size
    }
}

/// What a window came to, for one key.
public struct WindowResult<Key: StateKey, Value: BitwiseCopyable>: BitwiseCopyable {
    /// The key.
    public var key: Key
    /// The first moment of the window.
    public var start: Int64
    /// The first moment after it.
    public var end: Int64
    /// The value.
    public var value: Value
    /// Whether the window was already given, and this takes the place of what was given for the key, if anything was.
    public var isUpdate: Bool

    @inlinable
    init(key: Key, start: Int64, end: Int64, value: Value, isUpdate: Bool) {
        self.key = key
        self.start = start
        self.end = end
        self.value = value
        self.isUpdate = isUpdate
    }
}

extension WindowResult: Row {}
