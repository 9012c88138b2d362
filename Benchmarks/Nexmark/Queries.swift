/// The queries of Nexmark, each with the steps that it reads as. Their definitions are the SQL texts of the public
/// benchmark (github.com/nexmark/nexmark, nexmark-flink/src/main/resources/queries).
package enum Queries {
    /// Ten seconds, in milliseconds.
    static let tenSeconds: Int64 = 10_000
    static let dayMilliseconds: Int64 = 86_400_000
}

/// Which of them there are.
package enum QueryName: String, CaseIterable, Sendable {
    case q0, q1, q2, q3, q4, q5, q7, q8, q11, q12, q15, q16, q17, q18, q19, q20, q22
}
