/// What is behind a purchase, as only the simulator knows it.
public enum FraudKind: UInt8, CaseIterable, Sendable {
    /// Nothing: an honest purchase.
    case honest
    /// Stolen cards tried out on something small: many accounts, few machines, most declined.
    case cardTesting
    /// Somebody else in an old account: another machine and place, another address, a dear basket, in a hurry.
    case accountTakeover
    /// The same few people who send nearly everything back.
    case refundAbuse
    /// One product bought up within minutes by accounts that were opened for it.
    case botScalping

    /// The word in a label's `kind` field.
    public var name: String {
        switch self {
        case .honest: "honest"
        case .cardTesting: "card_testing"
        case .accountTakeover: "account_takeover"
        case .refundAbuse: "refund_abuse"
        case .botScalping: "bot_scalping"
        }
    }

    /// Whether it is fraud.
    public var isFraud: Bool { self != .honest }

    /// What a thief does after looking at a product, and after a change to the cart.
    var chances: (browsing: Scenario.Chances, atCart: Scenario.Chances)? {
        switch self {
        case .honest: nil
        case .cardTesting:
            (Scenario.Chances(click: 1_200, addToCart: 8_300), Scenario.Chances(click: 600, purchase: 9_000))
        case .accountTakeover:
            (Scenario.Chances(click: 3_300, addToCart: 6_200), Scenario.Chances(click: 4_200, purchase: 5_300))
        case .refundAbuse:
            (
                Scenario.Chances(click: 5_200, search: 300, addToCart: 3_900),
                Scenario.Chances(click: 3_800, purchase: 5_400)
            )
        case .botScalping:
            (Scenario.Chances(click: 300, addToCart: 9_500), Scenario.Chances(updateCart: 600, purchase: 9_200))
        }
    }
}

/// The truth about one purchase, kept apart from the event.
struct FraudLabel: Sendable {
    /// The last 64 bits of the event's id.
    let event: UInt64
    let kind: FraudKind
}
