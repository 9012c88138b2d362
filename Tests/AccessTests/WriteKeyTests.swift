import Access
import Foundation
import Testing

@Suite struct WriteKeyTests {
    @Test("keys have their form and differ")
    func form() throws {
        let keys = (0..<100).map { _ in WriteKey.generate() }
        #expect(Set(keys.map(\.text)).count == 100 && Set(keys.map(\.id)).count == 100)
        for key in keys {
            #expect(key.text == "ck_\(key.id)_\(key.secret)")
            #expect(key.id.utf8.count == 12)
            // 256 bits in base64url.
            #expect(key.secret.utf8.count == 43)
            #expect(key.secret.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
        }
    }

    @Test("a digest is the SHA-256 of the text")
    func digest() {
        // FIPS 180-4's example of one block.
        #expect(
            SecretDigest(of: "abc").text == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("two digests are the same only when every byte is")
    func comparison() throws {
        let digest = SecretDigest(of: "secret")
        #expect(digest.isSame(as: SecretDigest(of: "secret")))
        // Texts whose digests differ in the first byte, and in all others.
        for other in ["", "secre", "secret ", "Secret"] { #expect(!digest.isSame(as: SecretDigest(of: other))) }
    }

    @Test("the key file holds no secret, and only its owner may read it")
    func atRest() throws {
        let workspace = Workspace()
        let key = try workspace.add()
        let text = try String(contentsOfFile: workspace.file.path, encoding: .utf8)
        #expect(text.contains(key.id) && text.contains(key.digest.text))
        #expect(!text.contains(key.secret))
        let mode = try FileManager.default.attributesOfItem(atPath: workspace.file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("limits and origins out of their bounds are refused with the name of what is wrong")
    func bounds() throws {
        func fault(_ make: (WriteKey) throws -> KeyRecord) -> String {
            do {
                _ = try make(.generate())
                return ""
            } catch { return "\(error)" }
        }
        #expect(fault { try KeyRecord($0, label: "") }.contains("label"))
        #expect(fault { try KeyRecord($0, label: "a", rate: 0) }.contains("rate 0"))
        #expect(fault { try KeyRecord($0, label: "a", rate: 5, burst: 0) }.contains("burst 0"))
        #expect(fault { try KeyRecord($0, label: "a", burst: 5) }.contains("burst needs a rate"))
        #expect(fault { try KeyRecord($0, label: "a", daily: -1) }.contains("daily -1"))
        for origin in ["shop.example", "https://shop.example/", "https://a@shop.example", "ftp://shop.example", "null"]
        {
            #expect(fault { try KeyRecord($0, label: "a", origins: [origin]) }.contains(origin))
        }
        #expect(
            try KeyRecord(.generate(), label: "a", origins: ["https://Shop.example:8443", "*"]).origins
                == ["https://shop.example:8443", "*"])
    }
}
