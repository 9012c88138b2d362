import Events
import Testing

/// Who is named in which bytes: what an erasure takes away, and what it leaves.
struct PersonMentionTests {
    private let person: PersonID

    init() throws { person = try #require(PersonID("u-7é")) }

    private func accepted(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes { person.isIn(accepted: $0) }
    }

    private func rejected(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { person.isIn(rejected: $0) } }

    private func rejected(_ text: String) -> Bool { rejected(Array(text.utf8)) }

    @Test(arguments: [
        #"{"user_id":"u-7é"}"#, #"{"user_id" : "\u0075-7\u00e9"}"#, #"{"\u0075ser_id":"u-7é"}"#,
        #"{"user_id":"other","user_id":"u-7é"}"#, #"{"user_id":"other","friend":{"id":"u-7é"}}"#,
        #"{"user_id":"other","friends":["a","u-7é"]}"#, #"{"by":{"u-7é":1}}"#, #"{"x":[{"page":"a"},"u-7é"]}"#,
    ]) func namedByAnAcceptedEvent(_ text: String) { #expect(accepted(text)) }

    @Test(arguments: [
        #"{"user_id":"u-7"}"#, #"{"user_id":"u-7éé"}"#, #"{"product_id":"u-7é","page":"u-7é"}"#, "{}", "",
        #"{"items":[{"product_id":"u-7é"}]}"#, #"{"note":"see u-7é there"}"#, #"{"user_id":"\"u-7é"}"#,
    ]) func notNamedByAnAcceptedEvent(_ text: String) { #expect(!accepted(text)) }

    @Test(arguments: [
        #"{"user_id":"u-7é""#, #"er_id":"u-7é","x"#, #"{"user_id":"\u0075\u002d7\u00E9"}"#, "1,u-7é,2", "u-7é",
        "a;\"u-7é\";b", "user=u-7é&x=1", "user=u%2D7%c3%a9", #"{"body":"{\"user_id\":\"u-7é\"}"}"#, "\u{7}u-7é\u{7}",
        #"{"product_id":"u-7é"}"#,
    ]) func namedByRejectedBytes(_ text: String) { #expect(rejected(text)) }

    @Test(arguments: ["u-7", "u-7éa", "xu-7é", #""u-7é"#.dropLast() + "f\"", "", "%", "%c3"])
    func notNamedByRejectedBytes(_ text: String) { #expect(!rejected(text)) }

    @Test func namedInUTF16AndBesideBytesThatAreNoText() throws {
        let plain = try #require(PersonID("u-7"))
        for text in ["{\"user_id\":\"u-7\"}"] {
            let little = text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
            let big = text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
            for bytes in [little, big] { #expect(bytes.withUnsafeBytes { plain.isIn(rejected: $0) }) }
        }
        #expect(([0xff, 0x22] as [UInt8] + Array("u-7\"".utf8) + [0xfe]).withUnsafeBytes { plain.isIn(rejected: $0) })
    }

    @Test func timesAreReadFromRejectedBytes() {
        func time(_ text: String) -> Int64? { Array(text.utf8).withUnsafeBytes { PersonMention.time(inRejected: $0) } }
        #expect(time(#"{"ts":"1970-01-01T00:00:01Z","#) == 1_000_000)
        #expect(time(#"{"ts": 1500}"#) == 1_500_000)
        #expect(time(#"{"ts":5,"ts":9}"#) == 9_000)
        for bad in ["", #"{"ts":"#, #"{"ts":null}"#, #"{"ts":"yesterday"}"#, "ts=5"] { #expect(time(bad) == nil) }
    }

    /// The first vectors of the authors' reference code (vectors_sip128): key 00 01 … 0f, messages of 0, 1, 2 … bytes.
    @Test func hashesAsTheReferenceDoes() throws {
        let key = try #require(SipHash.Digest("000102030405060708090a0b0c0d0e0f"))
        let hash = SipHash(key: key)
        func digest(_ count: Int) -> String {
            (0..<count).map { UInt8($0) }.withUnsafeBytes { hash.digest($0).description }
        }
        #expect(digest(0) == "a3817f04ba25a8e66df67214c7550293")
        #expect(digest(1) == "da87c1d86b99af44347659119b22fc45")
        #expect(digest(2) == "8177228da4a45dc7fca38bdef60affe4")
        #expect(SipHash.Digest("xyz") == nil)
        #expect(SipHash.Digest(key.description)?.first == key.first)
    }
}
