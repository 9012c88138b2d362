/// Why an event was not accepted: a stable word, with the field's name where there is one.
public struct RejectionReason: Error, Hashable, Sendable, CustomStringConvertible {
    /// The stable words of the contract.
    public enum Word: UInt8, Sendable, CaseIterable {
        case notJSON, tooLarge, unknownType, missingField, wrongType, badTimestamp, tooFarInFuture, badMoney
        case badCurrency, emptyItems, badQuantity, badUTF8

        /// The word as it appears in responses, the quarantine and metrics.
        public var text: String {
            switch self {
            case .notJSON: "not_json"
            case .tooLarge: "too_large"
            case .unknownType: "unknown_type"
            case .missingField: "missing_field"
            case .wrongType: "wrong_type"
            case .badTimestamp: "bad_timestamp"
            case .tooFarInFuture: "too_far_in_future"
            case .badMoney: "bad_money"
            case .badCurrency: "bad_currency"
            case .emptyItems: "empty_items"
            case .badQuantity: "bad_quantity"
            case .badUTF8: "bad_utf8"
            }
        }
    }

    /// The word.
    public let word: Word
    /// The field at fault, for the words that name one.
    public let field: EventField?

    /// A reason; `field` is kept only by the words that name a field.
    public init(_ word: Word, _ field: EventField? = nil) {
        self.word = word
        self.field = word == .missingField || word == .wrongType ? field : nil
    }

    /// The reason as the contract writes it, such as `missing_field:user_id`.
    public var description: String {
        guard let field else { return word.text }
        return "\(word.text):\(field.name)"
    }
}
