extension ModelDocs {
    /// The documentation as Markdown.
    public var markdown: String {
        var text = "# The models of \(name)\n\n```\n\(lineage.text)```\n"
        for section in sections {
            text += "\n## \(section.title)\n\n*\(section.kind)*, `\(section.place)`\n"
            if !section.description.isEmpty { text += "\n\(section.description)\n" }
            var facts = section.facts.map { "- \($0.name): \($0.value)" }
            if !section.reads.isEmpty { facts.append("- reads: " + section.reads.joined(separator: ", ")) }
            if !section.readBy.isEmpty { facts.append("- read by: " + section.readBy.joined(separator: ", ")) }
            if !section.tests.isEmpty { facts.append("- tests: " + section.tests.joined(separator: ", ")) }
            if !facts.isEmpty { text += "\n" + facts.joined(separator: "\n") + "\n" }
            guard !section.columns.isEmpty else { continue }
            text += "\n| column | type | | tests |\n|---|---|---|---|\n"
            for column in section.columns {
                let cells = [column.name, column.type, column.description, column.tests.joined(separator: ", ")]
                text += "| " + cells.map(Self.cell).joined(separator: " | ") + " |\n"
            }
        }
        return text
    }

    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("\n", with: " ")
    }
}
