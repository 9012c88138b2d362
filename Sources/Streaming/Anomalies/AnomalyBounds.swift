/// What the detector waits for, remembers and holds apart, each with its name.
public enum AnomalyBounds {
    /// How late an event may arrive and still count: a minute is settled so many minutes after it ended.
    public static let latenessMinutes: Int64 = 15
    /// How long after its end an unsettled minute is first looked at.
    public static let settleMinutes: Int64 = 1
    /// How far ahead of the clock an event's time may lie and still count.
    public static let aheadMinutes: Int64 = 120
    /// The longest window that alarms, and how long a minute waits before it teaches.
    public static let memoryMinutes: Int64 = 720
    /// Minutes kept, a power of two: the longest window, those unsettled and those ahead.
    static let ringMinutes = 1_024
    /// How many days have to be learned before anything alarms.
    public static let warmUpDays = 3.0
    /// How many minutes of these have to be live, so that it is known how far expectations miss.
    public static let warmUpLiveMinutes: Int64 = 1_440
    /// Two anomalies of one series and direction no further apart are one.
    public static let mergeMinutes: Int64 = 30
    /// An anomaly that lasts so long is the new normal.
    public static let normalMinutes: Int64 = 2_880
    /// Without a single event for so long, everything is learned anew.
    public static let dormantMinutes: Int64 = 28 * 1_440
    /// How many weeks of history teach the profiles.
    public static let historyWeeks: Int64 = 8
    /// The most anomalies remembered, the oldest are forgotten first.
    public static let remembered = 1_000
    /// How long they are remembered.
    public static let rememberedDays: Int64 = 90
    /// Countries told apart; further ones are counted together.
    public static let countries = 32
    /// Devices told apart; further ones are counted together.
    public static let devices = 16
    /// Products told apart among drivers; further ones are not named.
    public static let products = 20_000
    /// Cells of product and quarter of an hour; further ones are not counted.
    public static let productCells = 1 << 17

    /// −log₁₀ of the probability from which on something is an anomaly.
    public static let threshold = 6.5
    /// The least relative deviation worth telling.
    public static let leastChange = 0.1
    /// The fewest bundles that more than usual are told from.
    static let leastCount = 8.0
}
