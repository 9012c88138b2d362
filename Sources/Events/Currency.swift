/// The currency codes of ISO 4217 in use, as three upper-case letters.
public enum Currency {
    /// Whether three bytes are a code in use.
    @inlinable
    public static func isKnown(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Bool {
        guard a &- 65 < 26, b &- 65 < 26, c &- 65 < 26 else { return false }
        let index = (Int(a &- 65) &* 26 &+ Int(b &- 65)) &* 26 &+ Int(c &- 65)
        return known[index >> 6] & (1 << UInt64(index & 63)) != 0
    }

    /// Whether three bytes are a code in use, by a copy of `known` that costs no check of its initialisation.
    @inline(__always)
    static func isKnown(_ a: UInt8, _ b: UInt8, _ c: UInt8, in known: UnsafePointer<UInt64>) -> Bool {
        guard a &- 65 < 26, b &- 65 < 26, c &- 65 < 26 else { return false }
        let index = (Int(a &- 65) &* 26 &+ Int(b &- 65)) &* 26 &+ Int(c &- 65)
        return known[index &>> 6] &>> UInt64(truncatingIfNeeded: index & 63) & 1 != 0
    }

    /// The codes as a bit for each of the 26³ words, so that a look-up is one load.
    @usableFromInline static let known: [UInt64] = {
        var bits = [UInt64](repeating: 0, count: (26 * 26 * 26 + 63) / 64)
        for code in codes.split(separator: " ") {
            var index = 0
            for byte in code.utf8 { index = index * 26 + Int(byte - 65) }
            bits[index >> 6] |= 1 << UInt64(index & 63)
        }
        return bits
    }()

    /// ISO 4217 list one (active codes), with HRK and ZWL, which older exports still carry.
    private static let codes = """
        AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
        CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP \
        GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT \
        LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD \
        OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC \
        SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU \
        XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL
        """
}
