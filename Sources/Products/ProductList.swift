import FileImport

/// A list of products: what a shop's product file says. A file is taken whole or, where a line of it is wrong, not at all.
public struct ProductList: Sendable {
    /// Most bytes of a file.
    public static let bytesMax: Int64 = 256 << 20
    /// Most products of a file, as many as the live view tells apart.
    public static let productsMax = 1_000_000
    /// Most wrong lines that are named; more are counted.
    static let faultsShown = 10

    /// The products, each once, in the order of the file.
    public let products: [Product]
    /// What the list says of them. What it has no column for stays as it was.
    public let fields: Set<ProductField>
    /// The columns of the file that were passed over.
    public let ignored: [String]

    /// A list that is not from a file.
    public init(_ products: [Product]) {
        self.products = products
        fields = Set(ProductField.allCases)
        ignored = []
    }

    /// Reads a CSV file with a header.
    /// - Parameters:
    ///   - path: the file.
    ///   - columns: the columns of some fields by their names in the header; those of others are known by their spelling.
    /// - Throws: `ImportError` when it cannot be read, and ``ProductsError`` that names the first lines that are wrong.
    public init(file path: String, columns: [ProductField: String] = [:]) throws {
        var file = try ColumnFile(path: path)
        guard file.size <= Self.bytesMax else {
            throw ProductsError("\(path): it has more than \(Self.bytesMax) bytes; split it")
        }
        let places = try Self.places(file, columns)
        let present = ProductField.allCases.filter { places[$0] != nil }
        file.pick(present.compactMap { places[$0] })
        var found = Found(fields: present)
        while let step = try file.next() {
            switch step {
            case .rejected(let reason): found.blame(file.line, reason)
            case .row(let texts):
                guard found.products.count < Self.productsMax else {
                    throw ProductsError("\(path): it has more than \(Self.productsMax) products; split it")
                }
                found.take(texts, line: file.line)
            }
        }
        if found.faultCount > 0 {
            let more = found.faultCount - found.faults.count
            throw ProductsError(
                "\(path): nothing was taken in, since \(found.faultCount == 1 ? "a line is" : "\(found.faultCount) lines are") wrong: "
                    + found.faults.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : ""))
        }
        guard !found.products.isEmpty else { throw ProductsError("\(path): it holds no product") }
        products = found.products
        fields = Set(present)
        ignored = file.columns.indices.filter { !places.values.contains($0) }.map { file.columns[$0] }
    }

    /// Where each field stands in a row.
    private static func places(_ file: ColumnFile, _ given: [ProductField: String]) throws -> [ProductField: Int] {
        let spelled = file.columns.map { name in
            String(name.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 })
        }
        let shown = file.columns.prefix(20).joined(separator: ", ").prefix(400)
        var places: [ProductField: Int] = [:]
        for field in ProductField.allCases {
            let candidates =
                if let name = given[field] {
                    [file.columns.indices.filter { file.columns[$0] == name }]
                } else {
                    field.spellings.map { spelling in spelled.indices.filter { spelled[$0] == spelling } }
                }
            guard let found = candidates.first(where: { !$0.isEmpty }) else {
                if let name = given[field] {
                    throw ProductsError("\(file.path): it has no column '\(name)'; its columns are: \(shown)")
                }
                continue
            }
            guard found.count == 1 else {
                throw ProductsError(
                    "\(file.path): it has \(found.count) columns named '\(file.columns[found[0]])', of which one has to go"
                )
            }
            places[field] = found[0]
        }
        guard places[.id] != nil else {
            throw ProductsError(
                "\(file.path): none of its columns is product_id or id: say which one is with --column product_id=NAME; "
                    + "its columns are: \(shown)")
        }
        guard places.count > 1 else {
            throw ProductsError(
                "\(file.path): none of its columns is a name, category or brand: say which one is, such as with "
                    + "--column category=NAME; its columns are: \(shown)")
        }
        return places
    }

    /// What was read so far.
    private struct Found {
        let fields: [ProductField]
        var products: [Product] = []
        var faults: [String] = []
        var faultCount = 0
        private var lines: [String: (index: Int, line: Int)] = [:]

        init(fields: [ProductField]) { self.fields = fields }

        mutating func blame(_ line: Int, _ reason: String) {
            faultCount += 1
            if faults.count < ProductList.faultsShown { faults.append("line \(line): \(reason)") }
        }

        mutating func take(_ texts: [String], line: Int) {
            var values: [ProductField: String] = [:]
            for (field, text) in zip(fields, texts) where !text.isEmpty {
                let limit = field == .id ? Product.idBytesMax : Product.textBytesMax
                guard text.utf8.count <= limit else {
                    return blame(line, "its \(field.rawValue) has more than \(limit) bytes")
                }
                guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                    return blame(line, "its \(field.rawValue) holds a line end or another control character")
                }
                values[field] = text
            }
            guard let id = values[.id] else { return blame(line, "it has no product_id") }
            let product = Product(id: id, name: values[.name], category: values[.category], brand: values[.brand])
            if let known = lines[id] {
                // The same once more says nothing new.
                if products[known.index] != product {
                    blame(line, "\(id.prefix(40)) stands on line \(known.line) already, and is another product there")
                }
                return
            }
            lines[id] = (products.count, line)
            products.append(product)
        }
    }
}
