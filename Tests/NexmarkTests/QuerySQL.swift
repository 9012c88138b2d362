import Nexmark

/// The benchmark's queries in DuckDB's SQL: each result one line, fields between bars. Written from the public SQL texts
/// (github.com/nexmark/nexmark); what these leave open (which of equal rows ranks first) is decided as the operators do:
/// of equal prices the first to arrive, of equal times the last.
enum QuerySQL {
    static func text(_ name: QueryName) -> String {
        switch name {
        case .q0: "SELECT \(line("auction, bidder, price, dateTime, extra")) FROM bid"
        case .q1: "SELECT \(line("auction, bidder, price * 908, dateTime, extra")) FROM bid"
        case .q2: "SELECT \(line("auction, price")) FROM bid WHERE auction % 123 = 0"
        case .q3:
            """
            SELECT \(line("P.name, P.city, P.state, A.id")) FROM auction A JOIN person P ON A.seller = P.id
            WHERE A.category = 10 AND P.state IN ('OR', 'ID', 'CA')
            """
        case .q4:
            """
            SELECT \(line("category, sum(final) // count(*)")) FROM (
                SELECT max(B.price) AS final, A.category FROM auction A JOIN bid B ON A.id = B.auction
                WHERE B.dateTime BETWEEN A.dateTime AND A.expires GROUP BY A.id, A.category)
            GROUP BY category
            """
        case .q5:
            """
            WITH counts AS (
                SELECT auction, (dateTime // 2000) * 2000 - 2000 * k AS start, count(*) AS num
                FROM bid, range(5) t(k) GROUP BY ALL)
            SELECT \(line("auction, num, start")) FROM counts
            QUALIFY num = max(num) OVER (PARTITION BY start)
            """
        case .q7:
            """
            SELECT \(line("B.auction, B.bidder, B.price, B.dateTime, B.extra")) FROM bid B JOIN (
                SELECT max(price) AS maxprice, (dateTime // 10000) * 10000 + 10000 AS dateTime FROM bid
                GROUP BY (dateTime // 10000)) B1
            ON B.price = B1.maxprice WHERE B.dateTime BETWEEN B1.dateTime - 10000 AND B1.dateTime
            """
        case .q8:
            """
            SELECT \(line("P.id, P.name, P.start")) FROM (
                SELECT DISTINCT id, name, (dateTime // 10000) * 10000 AS start FROM person) P
            JOIN (SELECT DISTINCT seller, (dateTime // 10000) * 10000 AS start FROM auction) A
            ON P.id = A.seller AND P.start = A.start
            """
        case .q11:
            """
            WITH marked AS (
                SELECT bidder, dateTime, coalesce(dateTime - lag(dateTime) OVER w > 10000, false)::INT AS begins
                FROM bid WINDOW w AS (PARTITION BY bidder ORDER BY dateTime)),
            numbered AS (
                SELECT bidder, dateTime, sum(begins) OVER (
                    PARTITION BY bidder ORDER BY dateTime RANGE UNBOUNDED PRECEDING) AS session FROM marked)
            SELECT \(line("bidder, count(*), min(dateTime), max(dateTime) + 10000")) FROM numbered
            GROUP BY bidder, session
            """
        case .q12:
            """
            SELECT \(line("bidder, count(*), arrival // 10000 * 10000, arrival // 10000 * 10000 + 10000")) FROM bid
            GROUP BY bidder, arrival // 10000
            """
        case .q15: "SELECT \(line("dateTime // 86400000, \(report)")) FROM bid GROUP BY dateTime // 86400000"
        case .q16:
            """
            SELECT \(line("channel, dateTime // 86400000, max(dateTime % 86400000 // 60000), \(report)")) FROM bid
            GROUP BY channel, dateTime // 86400000
            """
        case .q17:
            """
            SELECT \(line("auction, dateTime // 86400000, \(counts("*")), min(price), max(price), "
                + "sum(price) // count(*), sum(price)")) FROM bid GROUP BY auction, dateTime // 86400000
            """
        case .q18:
            """
            SELECT \(line("auction, bidder, price, channel, url, dateTime, extra")) FROM bid
            QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, seq DESC) <= 1
            """
        case .q19:
            """
            SELECT \(line("auction, rank, bidder, price, channel, url, dateTime, extra")) FROM (
                SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, seq) AS rank FROM bid)
            WHERE rank <= 10
            """
        case .q20:
            """
            SELECT \(line("auction, bidder, price, channel, url, B.dateTime, B.extra, itemName, description, "
                + "initialBid, reserve, A.dateTime, expires, seller, category, A.extra"))
            FROM bid B JOIN auction A ON B.auction = A.id WHERE A.category = 10
            """
        case .q22:
            """
            SELECT \(line("auction, bidder, price, channel, split_part(url, '/', 4), split_part(url, '/', 5), "
                + "split_part(url, '/', 6)")) FROM bid
            """
        }
    }

    private static func line(_ fields: String) -> String { "concat_ws('|', \(fields))" }

    private static func counts(_ what: String) -> String {
        ["", "price < 10000", "price >= 10000 AND price < 1000000", "price >= 1000000"]
            .map { "count(\(what))" + ($0.isEmpty ? "" : " FILTER (WHERE \($0))") }.joined(separator: ", ")
    }

    private static let report = [counts("*"), counts("DISTINCT bidder"), counts("DISTINCT auction")]
        .joined(separator: ", ")
}
