import Lake
import Testing

@Suite struct LakeDateTests {
    @Test(arguments: [("1970-01-01", 0), ("2000-02-29", 11_016), ("2026-11-22", 20_779), ("1969-12-31", -1)])
    func aDayIsCountedFrom1970(text: String, days: Int32) {
        #expect(LakeDate.days(text) == days)
    }

    @Test(arguments: [
        "2026-02-29", "1900-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-01",
        "2026-01-1", "26-01-01", "12026-01-01", "2026-01-01 ", "-026-01-01", "",
    ])
    func whatNoCalendarHasIsNoDay(text: String) {
        #expect(LakeDate.days(text) == nil)
    }
}
