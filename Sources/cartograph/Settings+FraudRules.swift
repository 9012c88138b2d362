import Foundation
import Streaming

extension Settings {
    /// How fraud scores are made: by those rules, and by what people said of purchases.
    func fraudSettings(_ folder: DataFolder, _ home: Home) throws -> FraudSettings {
        FraudSettings(
            rules: try loadFraudRules(folder, home), labels: try FraudLabels(path: folder.fraudLabels))
    }

    /// The rules for fraud scores: those that the configuration names, else the data folder's own, else the shipped ones.
    private func loadFraudRules(_ folder: DataFolder, _ home: Home) throws -> FraudRules {
        let path: String
        if let fraudRules {
            path = fraudRules
        } else if FileManager.default.fileExists(atPath: folder.fraudRules) {
            path = folder.fraudRules
        } else {
            path = home.fraudRules
        }
        do {
            return try FraudRules(path: path)
        } catch let error as FraudRulesError {
            throw CommandError(
                "\(error); mend the file (docs/fraud.md lists features and words), or take it away for the shipped rules"
            )
        }
    }
}
