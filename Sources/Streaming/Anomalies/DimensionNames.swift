import Events

/// The cells that a minute is counted in besides its channels: promoted or not, country, device.
///
/// Values take the next free cell as they first come; past the bound they share the last one.
struct DimensionNames: ~Copyable {
    /// A dimension by which differences are explained.
    enum Dimension: UInt8, CaseIterable {
        case channel, promotion, country, device

        var word: String {
            switch self {
            case .channel: "channel"
            case .promotion: "promotion"
            case .country: "country"
            case .device: "device"
            }
        }

        /// Its cells.
        var cells: Range<Int> {
            switch self {
            case .channel: 0..<DimensionNames.promoted
            case .promotion: DimensionNames.promoted..<DimensionNames.countries
            case .country: DimensionNames.countries..<DimensionNames.devices
            case .device: DimensionNames.devices..<DimensionNames.cells
            }
        }
    }

    /// The cell of what carries a campaign or a coupon; channels lie before it.
    static let promoted = ChannelCode.count
    /// The first cell of countries; it is that of none, the last one that of further ones.
    static let countries = promoted + 1
    /// The first cell of devices, likewise.
    static let devices = countries + AnomalyBounds.countries + 2
    /// How many cells there are.
    static let cells = devices + AnomalyBounds.devices + 2

    private var known = OpenTable<Int32>(empty: -1)
    private(set) var countryNames: [String] = []
    private(set) var deviceNames: [String] = []

    init() {}

    @inline(__always)
    private static func key(_ text: StringRef, _ isDevice: Bool) -> UInt64 {
        let key = KeyHash(text.start, count: text.count, seed: isDevice ? 2 : 1).high
        return key == 0 ? 1 : key
    }

    /// A country's cell.
    @inline(__always)
    mutating func country(_ text: StringRef) -> Int {
        let key = DimensionNames.key(text, false)
        if let cell = known.find(key) { return Int(cell.pointee) }
        return addCountry(text.string, key)
    }

    /// A device's cell.
    @inline(__always)
    mutating func device(_ text: StringRef) -> Int {
        let key = DimensionNames.key(text, true)
        if let cell = known.find(key) { return Int(cell.pointee) }
        return addDevice(text.string, key)
    }

    @inline(never)
    private mutating func addCountry(_ name: String, _ key: UInt64) -> Int {
        guard countryNames.count < AnomalyBounds.countries else { return DimensionNames.devices - 1 }
        countryNames.append(name)
        let cell = DimensionNames.countries + countryNames.count
        known.value(key).pointee = Int32(cell)
        return cell
    }

    @inline(never)
    private mutating func addDevice(_ name: String, _ key: UInt64) -> Int {
        guard deviceNames.count < AnomalyBounds.devices else { return DimensionNames.cells - 1 }
        deviceNames.append(name)
        let cell = DimensionNames.devices + deviceNames.count
        known.value(key).pointee = Int32(cell)
        return cell
    }

    /// The cell of a country by its name, for restoring and for counts that are not events.
    mutating func country(named name: String) -> Int {
        let key = DimensionNames.nameKey(name, seed: 1)
        if let cell = known.find(key) { return Int(cell.pointee) }
        return addCountry(name, key)
    }

    /// The cell of a device by its name.
    mutating func device(named name: String) -> Int {
        let key = DimensionNames.nameKey(name, seed: 2)
        if let cell = known.find(key) { return Int(cell.pointee) }
        return addDevice(name, key)
    }

    private static func nameKey(_ name: String, seed: UInt64) -> UInt64 {
        let key = KeyHash(name, seed: seed).high
        return key == 0 ? 1 : key
    }

    /// What a cell stands for.
    func name(_ cell: Int) -> String {
        switch cell {
        case 0..<DimensionNames.promoted: return ChannelCode(code: UInt8(cell)).name
        case DimensionNames.promoted: return "with a campaign or coupon"
        case DimensionNames.countries, DimensionNames.devices: return "unknown"
        case DimensionNames.devices - 1, DimensionNames.cells - 1: return "others"
        case ..<DimensionNames.devices: return countryNames[cell - DimensionNames.countries - 1]
        default: return deviceNames[cell - DimensionNames.devices - 1]
        }
    }

    var byteCount: Int { known.byteCount }
}
