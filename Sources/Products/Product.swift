/// What a shop's own list says of a product. Texts are not empty; what a list leaves empty is nil.
public struct Product: Sendable, Hashable {
    /// Most bytes of a product's id, as events may have.
    public static let idBytesMax = 128
    /// Most bytes of a name, a category and a brand.
    public static let textBytesMax = 512

    /// The id that events give as product_id.
    public let id: String
    /// What people call it.
    public let name: String?
    /// What it is sold as; a path such as `Shoes > Running` is one text.
    public let category: String?
    /// Who makes it.
    public let brand: String?

    /// A product. What was read from a file is looked at by ``ProductList``.
    public init(id: String, name: String?, category: String?, brand: String?) {
        self.id = id
        self.name = name
        self.category = category
        self.brand = brand
    }
}

/// What a list of products says of one.
public enum ProductField: String, Sendable, CaseIterable {
    case id = "product_id"
    case name, category, brand

    /// How headers spell it, in small letters and with `_` for blanks: its own name first, then that of product feeds
    /// (https://support.google.com/merchants/answer/7052112).
    var spellings: [String] {
        switch self {
        case .id: ["product_id", "id"]
        case .name: ["name", "title"]
        case .category: ["category", "product_type"]
        case .brand: ["brand"]
        }
    }
}

/// Why products could not be read or kept: one line that says what to do.
public struct ProductsError: Error, CustomStringConvertible, Hashable {
    /// What happened.
    public let description: String

    /// A failure.
    public init(_ description: String) { self.description = description }
}
