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

    /// Countries, and devices.
    var countries = Values(first: DimensionNames.countries, most: AnomalyBounds.countries, seed: 1)
    var devices = Values(first: DimensionNames.devices, most: AnomalyBounds.devices, seed: 2)

    init() {}

    /// What a cell stands for.
    func name(_ cell: Int) -> String {
        switch cell {
        case 0..<DimensionNames.promoted: ChannelCode(code: UInt8(cell)).name
        case DimensionNames.promoted: "with a campaign or coupon"
        case ..<DimensionNames.devices: countries.name(cell)
        default: devices.name(cell)
        }
    }

    var byteCount: Int { countries.byteCount + devices.byteCount }
}

extension DimensionNames {
    /// The values of one dimension, and the cells that they are counted in.
    struct Values: ~Copyable {
        /// A short text met lately.
        private struct Recent: BitwiseCopyable {
            /// Its bytes, and how many there are; no text is so long as what stands here at first.
            var word: UInt64 = 0
            var count = Int32.max
            var cell: Int32 = 0
        }

        private static let recentBits: UInt64 = 6

        /// The cell of no value.
        private let first: Int
        private let most: Int
        private let seed: UInt64
        private var known = OpenTable<Int32>(empty: -1)
        private let recent: UnsafeMutablePointer<Recent>
        /// In the order of their cells.
        private(set) var names: [String] = []

        /// No values, up to `most`; further ones share the cell behind them.
        init(first: Int, most: Int, seed: UInt64) {
            (self.first, self.most, self.seed) = (first, most, seed)
            recent = .allocate(capacity: 1 << Int(Values.recentBits))
            recent.initialize(repeating: Recent(), count: 1 << Int(Values.recentBits))
        }

        deinit { recent.deallocate() }

        /// A value's cell.
        @inline(__always)
        mutating func cell(_ text: StringRef?) -> Int {
            guard let text else { return first }
            guard text.count <= 8 else { return hashed(text) }
            let word = Values.word(text)
            let mixed = (word ^ UInt64(text.count)) &* 0x9e37_79b9_7f4a_7c15
            let slot = recent + Int(truncatingIfNeeded: mixed &>> (64 &- Values.recentBits))
            if slot.pointee.word == word, slot.pointee.count == Int32(truncatingIfNeeded: text.count) {
                return Int(slot.pointee.cell)
            }
            let cell = hashed(text)
            slot.pointee = Recent(word: word, count: Int32(text.count), cell: Int32(cell))
            return cell
        }

        /// Up to eight bytes as one number, which with their count tells them from all others. Nothing behind them is
        /// read.
        @inline(__always)
        private static func word(_ text: StringRef) -> UInt64 {
            let count = text.count
            if count >= 4 {
                let raw = UnsafeRawPointer(text.start)
                let low = raw.loadUnaligned(as: UInt32.self)
                let high = raw.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
                return UInt64(low) | UInt64(high) << 32
            }
            guard count > 0 else { return 0 }
            return UInt64(text.start[0]) | UInt64(text.start[count &>> 1]) << 8 | UInt64(text.start[count &- 1]) << 16
        }

        @inline(never)
        private mutating func hashed(_ text: StringRef) -> Int {
            let key = KeyHash(text.start, count: text.count, seed: seed).nonzero
            if let cell = known.find(key) { return Int(cell.pointee) }
            return add(text.string, key)
        }

        /// The cell of a value by its name, for restoring and for counts that are not events.
        mutating func cell(named name: String) -> Int {
            let key = KeyHash(name, seed: seed).nonzero
            if let cell = known.find(key) { return Int(cell.pointee) }
            return add(name, key)
        }

        private mutating func add(_ name: String, _ key: UInt64) -> Int {
            guard names.count < most else { return first + most + 1 }
            names.append(name)
            let cell = first + names.count
            known.value(key).pointee = Int32(cell)
            return cell
        }

        /// What one of its cells stands for.
        func name(_ cell: Int) -> String {
            switch cell {
            case first: "unknown"
            case first + most + 1: "others"
            default: names[cell - first - 1]
            }
        }

        var byteCount: Int { known.byteCount + MemoryLayout<Recent>.stride << Int(Values.recentBits) }
    }
}
