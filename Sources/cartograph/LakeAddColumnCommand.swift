import ArgumentParser
import Iceberg

/// `cartograph lake add-column`.
struct LakeAddColumnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-column", abstract: "Add an optional column to a table, without a stop.",
        discussion: """
            A column of a bronze table is filled from then on from the events' member of that name; what does not fit \
            its type is null, and the event has it in raw. Rows that are there read as null.
            """)
    @OptionGroup var options: ShopOptions
    @Argument(help: "The table, such as bronze.purchases.") var table: String
    @Argument(help: "The column.") var name: String
    @Argument(
        help:
            "boolean, int, long, float, double, date, time, timestamp, timestamptz, string, uuid, binary or 'decimal(18,4)'."
    )
    var type: String
    @Option(name: .long, help: "What the column means.") var doc: String?

    private struct Answer: Encodable {
        let table: String
        let column: String
        let id: Int?
        let type: String
    }

    func validate() throws {
        guard IcebergType(primitive: type) != nil else {
            throw ValidationError("'\(type)' is no type of a column such as string, long, boolean or decimal(18,4)")
        }
    }

    func run() async throws {
        let catalog = try LakeCommand.place(try options.settings()).0.openCatalog()
        var table = try catalog.loadTable(try TableIdentifier(parsing: table))
        guard let type = IcebergType(primitive: type) else { return }
        let (name, doc) = (name, doc)
        try table.updateSchema { try $0.addColumn(name, .primitive(type), doc: doc) }
        let added = table.schema.field(named: name)
        if options.json {
            return try LogCommand.print(
                Answer(table: "\(table.identifier)", column: name, id: added?.id, type: "\(type)"))
        }
        print("\(table.identifier) has the column \(name) (\(type))")
    }
}
