/// Dates as the tables and reports spell them.
public enum LakeDate {
    /// `2026-03-01` as days since 1970-01-01; nil for anything else.
    public static func days(_ text: String) -> Int32? { BoundText.days(text) }
}
