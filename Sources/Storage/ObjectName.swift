/// What a location names, however it is spelled: equal names are one object.
///
/// `/a/b`, `file:/a/b` and `file:///a//b` are one, and so are `s3://bucket/k` and `s3a://bucket/k`. Beyond that bytes
/// count, as they do for the disk and for object stores: letters that only look alike (`é` has two spellings) and percent
/// escapes name different objects. Swift's strings are not compared that way.
public struct ObjectName: Hashable, Sendable {
    /// `/path` of a local location, `s3://bucket/key` of one in an object store; any other as it was written.
    public let text: String
    /// Whether the location is one that storage understands.
    private let isKnown: Bool

    /// The name of a location, without slashes at its end.
    public init(_ location: String) {
        var known: String?
        if Location.isRemote(location) {
            known = (try? S3Location(location)).map { "s3://" + $0.bucket + "/" + $0.key }
        } else {
            known = try? Location.path(of: location)
        }
        isKnown = known != nil
        var text = known ?? location
        while text.utf8.count > 1, text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
        self.text = text
    }

    /// Whether the object lies below a folder. Nothing lies below a location that storage does not understand, nor below
    /// the root of the disk or a bucket's name.
    public func isInside(_ folder: ObjectName) -> Bool {
        guard isKnown, folder.isKnown, folder.text.utf8.count > 1 else { return false }
        return text.utf8.count > folder.text.utf8.count + 1 && text.utf8.starts(with: folder.text.utf8)
            && text.utf8.dropFirst(folder.text.utf8.count).first == UInt8(ascii: "/")
    }

    /// Whether one of two folders is the other, or lies in it.
    public func overlaps(_ other: ObjectName) -> Bool {
        self == other || isInside(other) || other.isInside(self) || text == "/" || other.text == "/"
    }

    /// The path or key with percent escapes undone, to find out that two locations may be two spellings of one object.
    public var loosely: ObjectName {
        var bytes: [UInt8] = []
        var rest = Array(pathWithoutBucket.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), digits.count == 2,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest.removeFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return ObjectName(path: String(decoding: bytes, as: UTF8.self))
    }

    private init(path: String) {
        (text, isKnown) = (path, true)
    }

    private var pathWithoutBucket: Substring {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[colon...].utf8.starts(with: "://".utf8)
        else { return text[...] }
        let rest = text[text.utf8.index(colon, offsetBy: 3)...]
        return rest.utf8.firstIndex(of: UInt8(ascii: "/")).map { rest[$0...] } ?? rest
    }

    /// By bytes.
    public static func == (one: ObjectName, other: ObjectName) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8)
    }

    /// By bytes.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
