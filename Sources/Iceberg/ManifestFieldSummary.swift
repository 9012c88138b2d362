/// The range of one partition field over a manifest.
package struct FieldSummary: Sendable, Hashable {
    package var containsNull: Bool
    package var containsNaN: Bool?
    package var lowerBound: [UInt8]?
    package var upperBound: [UInt8]?
}

extension FieldSummary {
    init(of values: [IcebergValue]) {
        var isNaN = false
        var lowest: IcebergValue?
        var highest: IcebergValue?
        for value in values where value != .null {
            switch value {
            case .float(let number) where number.isNaN: isNaN = true
            case .double(let number) where number.isNaN: isNaN = true
            default:
                if lowest.map({ value.isLess(than: $0) == true }) ?? true { lowest = value }
                if highest.map({ $0.isLess(than: value) == true }) ?? true { highest = value }
            }
        }
        self.init(
            containsNull: values.contains(.null), containsNaN: isNaN, lowerBound: lowest.flatMap(SingleValue.encode),
            upperBound: highest.flatMap(SingleValue.encode))
    }

    /// Whether the value may occur; true when the summary does not say.
    func mayContain(_ value: IcebergValue, type: IcebergType) throws -> Bool {
        if value == .null { return containsNull }
        guard let lowerBound, let upperBound else { return true }
        let lower = try SingleValue.decode(lowerBound, as: type)
        let upper = try SingleValue.decode(upperBound, as: type)
        return value.isLess(than: lower) != true && upper.isLess(than: value) != true
    }
}
