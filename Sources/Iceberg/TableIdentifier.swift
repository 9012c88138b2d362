/// The name of a table: a namespace (`bronze`, or `a.b` for nested ones) and a name in it.
public struct TableIdentifier: Sendable, Hashable, CustomStringConvertible {
    /// The namespace.
    public let namespace: String
    /// The name inside it.
    public let name: String

    /// The table `name` of `namespace`. Catalogs check the characters when a table is created.
    public init(_ namespace: String, _ name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// Reads `namespace.name`; the name is what follows the last dot.
    /// - Throws: ``IcebergError`` `.badRequest` without a dot or with an empty part.
    public init(parsing text: String) throws {
        guard let dot = text.lastIndex(of: ".") else {
            throw IcebergError(.badRequest, "\"\(text)\" is not a table name; write it as namespace.table")
        }
        self.init(String(text[..<dot]), String(text[text.index(after: dot)...]))
        try validate()
    }

    /// `namespace.name`.
    public var description: String { namespace + "." + name }

    /// Longest namespace or name, in bytes; what catalogs of this layout have room for.
    public static let lengthLimit = 255

    /// Names become folders, so they must be harmless there.
    package func validate() throws {
        try Self.validate(namespace: namespace)
        guard Self.isHarmless(name), !name.contains(".") else {
            throw IcebergError(
                .badRequest, "\"\(name)\" cannot name a table; use up to 255 bytes without dots, slashes and controls")
        }
    }

    static func validate(namespace: String) throws {
        let parts = namespace.split(separator: ".", omittingEmptySubsequences: false)
        guard namespace.utf8.count <= lengthLimit, parts.allSatisfy({ isHarmless(String($0)) }) else {
            throw IcebergError(
                .badRequest,
                "\"\(namespace)\" cannot name a namespace; use up to 255 bytes without slashes and controls")
        }
    }

    private static func isHarmless(_ part: String) -> Bool {
        !part.isEmpty && part.utf8.count <= lengthLimit
            && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0 != "/" && $0 != "\\" }
    }
}
