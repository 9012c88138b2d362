extension DayStatements {
    /// Brings the versions of a dimension up to what the staged rows tell of the day. Members of whom the day tells what
    /// it told before are not touched.
    ///
    /// The versions from this day on are made anew, from the version that held the day before and from what the later
    /// days told; those that begin on the same day keep their keys. Versions that are no more are left without a day, for
    /// the day's facts to pass over, and go in ``removeEnded(_:_:)`` when no fact has their keys.
    func versions(_ dimension: StarSchema.Dimension, _ history: StarSchema.History, hasLaterDays: Bool) -> [String] {
        let (name, id, key) = (dimension.name, dimension.natural.name, dimension.key)
        let (days, stage, table) = (StarSchema.qualified(history.days), dimension.stage, StarSchema.qualified(name))
        let (changed, old, fresh, moved) = ("changed_\(name)", "old_\(name)", "fresh_\(name)", "moved_\(name)")
        let attributes = history.attributes.map(\.name)
        let optional = history.attributes.map { StarSchema.Column($0.name, $0.type, isOptional: true) }
        let date = "DATE '\(day)'"
        let list = attributes.joined(separator: ", ")
        var statements = [
            """
            INSERT INTO \(changed) (\(id))
            SELECT coalesce(s.\(id), d.\(id))
            FROM \(stage) s
            FULL OUTER JOIN (SELECT * FROM \(days) WHERE business_day = \(date)) d ON d.\(id) = s.\(id)
            WHERE s.\(id) IS NULL OR d.\(id) IS NULL OR \(StarSchema.differ(optional, "s", "d"))
            """,
            """
            DELETE FROM \(days) USING \(changed)
            WHERE \(history.days).business_day = \(date) AND \(history.days).\(id) = \(changed).\(id)
            """,
            """
            INSERT INTO \(days) (business_day, \(id), \(list))
            SELECT \(date), s.\(id), \(attributes.map { "s.\($0)" }.joined(separator: ", "))
            FROM \(stage) s JOIN \(changed) c ON c.\(id) = s.\(id)
            """,
            """
            INSERT INTO \(old) (\(key), \(id), valid_from, valid_to, \(list))
            SELECT v.\(key), v.\(id), v.valid_from, v.valid_to, \(attributes.map { "v.\($0)" }.joined(separator: ", "))
            FROM \(table) v JOIN \(changed) c ON c.\(id) = v.\(id)
            WHERE v.valid_to >= \(date)
            """,
            freshVersions(dimension, history),
            """
            UPDATE \(table) SET valid_to = \(name).valid_from, is_current = false
            FROM \(old) o WHERE \(name).\(key) = o.\(key) AND NOT EXISTS (
                SELECT 1 FROM \(fresh) f WHERE f.\(id) = o.\(id) AND f.valid_from = o.valid_from)
            """,
            """
            UPDATE \(table) SET valid_to = f.valid_to, is_current = (f.valid_to = DATE '\(StarSchema.endless)'),
                \(attributes.map { "\($0) = f.\($0)" }.joined(separator: ", "))
            FROM \(fresh) f WHERE \(name).\(id) = f.\(id) AND \(name).valid_from = f.valid_from
                AND (\(name).valid_to <> f.valid_to OR \(StarSchema.differ(optional, name, "f")))
            """,
            """
            INSERT INTO \(table) (\(id), valid_from, valid_to, is_current, \(list))
            SELECT f.\(id), f.valid_from, f.valid_to, f.valid_to = DATE '\(StarSchema.endless)',
                \(attributes.map { "f.\($0)" }.joined(separator: ", "))
            FROM \(fresh) f
            WHERE NOT EXISTS (SELECT 1 FROM \(old) o WHERE o.\(id) = f.\(id) AND o.valid_from = f.valid_from)
            """,
        ]
        guard hasLaterDays else { return statements }
        statements.append(
            """
            INSERT INTO \(moved) (old_key, new_key, from_day, to_day)
            SELECT o.\(key), v.\(key), greatest(o.valid_from, v.valid_from), least(o.valid_to, v.valid_to)
            FROM \(old) o JOIN \(table) v ON v.\(id) = o.\(id) AND v.\(key) <> o.\(key)
            WHERE v.valid_from < v.valid_to AND v.valid_from < o.valid_to AND o.valid_from < v.valid_to
                AND least(o.valid_to, v.valid_to) > \(date) + 1
            """)
        for fact in schema.facts(of: dimension) {
            statements.append(
                """
                UPDATE \(StarSchema.qualified(fact.name)) SET \(key) = m.new_key
                FROM \(moved) m WHERE \(fact.name).\(key) = m.old_key AND \(fact.name).business_day > \(date)
                    AND \(fact.name).business_day >= m.from_day AND \(fact.name).business_day < m.to_day
                """)
        }
        return statements
    }

    /// What ``versions(_:_:hasLaterDays:)`` comes to on a day that was never loaded and has no later ones, which is most
    /// days: a version begins where the day tells something else than the one that holds, and that one ends.
    func versionsOfNewestDay(_ dimension: StarSchema.Dimension, _ history: StarSchema.History) -> [String] {
        let (name, id) = (dimension.name, dimension.natural.name)
        let (days, stage, table) = (StarSchema.qualified(history.days), dimension.stage, StarSchema.qualified(name))
        let list = history.attributes.map(\.name).joined(separator: ", ")
        let (date, endless) = ("DATE '\(day)'", "DATE '\(StarSchema.endless)'")
        let values =
            history.lasting.map { "coalesce(s.\($0.name), v.\($0.name))" }
            + history.everTrue.map { "(coalesce(s.\($0.name), false) OR coalesce(v.\($0.name), false))" }
        let news =
            history.lasting.map {
                "(s.\($0.name) IS NOT NULL AND (v.\($0.name) IS NULL OR v.\($0.name) <> s.\($0.name)))"
            }
            + history.everTrue.map { "(s.\($0.name) AND NOT v.\($0.name))" }
        return [
            """
            INSERT INTO \(days) (business_day, \(id), \(list))
            SELECT \(date), s.\(id), \(history.attributes.map { "s.\($0.name)" }.joined(separator: ", ")) FROM \(stage) s
            """,
            """
            INSERT INTO fresh_\(name) (\(id), valid_from, valid_to, \(list))
            SELECT s.\(id), \(date), \(endless), \(values.joined(separator: ", "))
            FROM \(stage) s LEFT JOIN \(table) v ON v.\(id) = s.\(id) AND v.valid_to = \(endless)
            WHERE v.\(id) IS NULL OR \(news.joined(separator: " OR "))
            """,
            """
            UPDATE \(table) SET valid_to = \(date), is_current = false
            FROM fresh_\(name) f WHERE \(name).\(id) = f.\(id) AND \(name).valid_to = \(endless)
            """,
            """
            INSERT INTO \(table) (\(id), valid_from, valid_to, is_current, \(list))
            SELECT f.\(id), f.valid_from, f.valid_to, true, \(history.attributes.map { "f.\($0.name)" }.joined(separator: ", "))
            FROM fresh_\(name) f
            """,
        ]
    }

    /// Removes the versions that are no more, after the day's facts.
    func removeEnded(_ dimension: StarSchema.Dimension) -> String {
        """
        DELETE FROM \(StarSchema.qualified(dimension.name)) USING old_\(dimension.name) o
        WHERE \(dimension.name).\(dimension.key) = o.\(dimension.key)
            AND \(dimension.name).valid_from = \(dimension.name).valid_to
        """
    }

    /// The versions of the changed members from this day on, with the one that held the day before.
    private func freshVersions(_ dimension: StarSchema.Dimension, _ history: StarSchema.History) -> String {
        let (name, id) = (dimension.name, dimension.natural.name)
        let date = "DATE '\(day)'"
        let lasting = history.lasting.map(\.name)
        let everTrue = history.everTrue.map(\.name)
        let attributes = lasting + everTrue
        func each(_ names: [String], _ text: (String) -> String) -> String {
            names.map { ", " + text($0) }.joined()
        }
        let soFar = "PARTITION BY \(id) ORDER BY told_on ROWS UNBOUNDED PRECEDING"
        // Null is no news: a lasting value goes on until the next one. The dialects have no IGNORE NULLS in common, so that
        // the rows are grouped by how many values there were until then, and each group has one.
        return """
            INSERT INTO fresh_\(name) (\(id), valid_from, valid_to, \(attributes.joined(separator: ", ")))
            WITH told AS (
                SELECT \(id), valid_from, \(date) - 1 AS told_on\(each(attributes) { $0 })
                FROM old_\(name) WHERE valid_from < \(date)
                UNION ALL
                SELECT d.\(id), d.business_day, d.business_day\(each(attributes) { "d.\($0)" })
                FROM \(StarSchema.qualified(history.days)) d JOIN changed_\(name) c ON c.\(id) = d.\(id)
                WHERE d.business_day >= \(date)
            ),
            counted AS (
                SELECT \(id), valid_from, told_on\(each(lasting) {
                    "\($0), count(\($0)) OVER (\(soFar)) AS \($0)_values" })\(each(everTrue) {
                    "max(CASE WHEN \($0) THEN 1 ELSE 0 END) OVER (\(soFar)) = 1 AS \($0)" })
                FROM told
            ),
            filled AS (
                SELECT \(id), valid_from, told_on\(each(lasting) {
                    "max(\($0)) OVER (PARTITION BY \(id), \($0)_values) AS \($0)" })\(each(everTrue) { $0 })
                FROM counted
            ),
            compared AS (
                SELECT \(id), valid_from, told_on\(each(attributes) { $0 }),
                    row_number() OVER (PARTITION BY \(id) ORDER BY told_on) AS place\(each(attributes) {
                    "lag(\($0)) OVER (PARTITION BY \(id) ORDER BY told_on) AS \($0)_before" })
                FROM filled
            ),
            begun AS (
                SELECT \(id), valid_from, told_on\(each(attributes) { $0 }) FROM compared
                WHERE place = 1 OR \(attributes.map {
                    StarSchema.differ($0, "\($0)_before") }.joined(separator: " OR "))
            )
            SELECT \(id), valid_from,
                coalesce(lead(told_on) OVER (PARTITION BY \(id) ORDER BY told_on), DATE '\(StarSchema.endless)')\(
                    each(attributes) { $0 })
            FROM begun
            """
    }
}
