/// Where a value is found: a column of the row, or of an element of one of its lists.
struct Slot: Sendable, Equatable {
    /// nil for the row itself, else the index into the mapping's lists.
    let list: Int?
    /// The index into the columns of the row or of the list.
    let index: Int
}

/// The columns read from the elements of one array inside JSON rows.
struct ListColumns: Sendable {
    let path: String
    var names: [String]
}

/// The names of all columns that a mapping reads, each with its slot.
struct ColumnTable {
    private(set) var names: [String] = []
    private(set) var lists: [ListColumns] = []

    mutating func slot(_ name: String, list: Int?) -> Slot {
        guard let list else {
            if let index = names.firstIndex(of: name) { return Slot(list: nil, index: index) }
            names.append(name)
            return Slot(list: nil, index: names.count - 1)
        }
        if let index = lists[list].names.firstIndex(of: name) { return Slot(list: list, index: index) }
        lists[list].names.append(name)
        return Slot(list: list, index: lists[list].names.count - 1)
    }

    mutating func list(_ path: String) -> Int {
        if let index = lists.firstIndex(where: { $0.path == path }) { return index }
        lists.append(ListColumns(path: path, names: []))
        return lists.count - 1
    }
}

/// One rule: which rows it takes and what event it makes of them.
struct EventRule: Sendable {
    let path: String
    let type: String
    let conditions: [Condition]
    /// The columns whose equal values make rows one event; empty when every row is an event of its own.
    let groupBy: [Slot]
    let rowsHeld: Int
    let fields: [EventField]
    let isDerived: Bool
    /// What keeps derived ids of other shops and event types apart from this rule's.
    let idDomain: [UInt8]
}

/// What a row must fulfil for a rule to take it.
struct Condition: Sendable {
    enum Test: Sendable {
        case oneOf([[UInt8]])
        case noneOf([[UInt8]])
        case startsWith([UInt8])
        case endsWith([UInt8])
        case contains([UInt8])
        case isEmpty(Bool)
    }

    let slot: Slot
    let test: Test
}

/// One field of the event and where its value comes from.
struct EventField: Sendable {
    let name: String
    let source: Source
    let type: ValueType
    let isOptional: Bool
    /// Used instead of an empty value.
    let fallback: Template?
    /// `"name":`, as the event holds it.
    let key: [UInt8]

    init(name: String, source: Source, type: ValueType = .string, isOptional: Bool = false, fallback: Template? = nil) {
        self.name = name
        self.source = source
        self.type = type
        self.isOptional = isOptional
        self.fallback = fallback
        key = Array("\"\(name)\":".utf8)
    }

    indirect enum Source: Sendable {
        /// A number or boolean, as it is written.
        case literal([UInt8])
        case template(Template)
        case formula(Formula)
        /// The total of a formula over the event's rows, or over the elements of a list.
        case sum(Formula, list: Int?)
        /// One object for each of the event's rows, or for each element of a list.
        case each([EventField], list: Int?)
        /// The hash of the event's rows and their occurrence number.
        case derived
    }
}

/// How a value becomes JSON, and which reason is given when it does not.
enum ValueType: Sendable, Equatable {
    case string
    case integer
    /// An exact decimal with at most so many places; nil for as many as it has.
    case decimal(places: Int?)
    /// A whole number of at least one.
    case quantity
    /// An exact amount of at least zero, rounded to `places` if given and else to be exact in four.
    case money(places: Int?)
    /// The index into the mapping's timestamps.
    case timestamp(Int)
}

/// Text with columns in braces.
struct Template: Sendable {
    enum Part: Sendable {
        case text([UInt8])
        case column(Slot)
    }

    let parts: [Part]

    /// The one column the template consists of, if so.
    var singleSlot: Slot? {
        if parts.count == 1, case .column(let slot) = parts[0] { return slot }
        return nil
    }
}
