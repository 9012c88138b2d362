/// The words for what a store refuses: what, where, and what to do.
enum S3Failure {
    /// The error for a failure that trying again does not help.
    static func error(
        _ call: S3Call, _ failure: S3Client.Failure, _ keys: S3Credentials, _ client: S3Client
    ) -> StorageError {
        let location = call.location.description
        let bucket = call.location.bucket
        let endpoint = client.endpoint.shown
        let keysInWords = "the access key \(keys.accessKey) from \(keys.origin)"
        func failed(_ reason: String) -> StorageError { StorageError(.failed, at: location, reason) }
        switch (failure.status, failure.code) {
        case (_, "NoSuchBucket"):
            return failed("there is no bucket \(bucket) at \(endpoint): create it, or correct the location or endpoint")
        case (_, "RequestTimeTooSkewed"):
            return failed("\(endpoint) refuses requests because the clocks differ too much: set this machine's clock")
        case (_, "InvalidAccessKeyId"):
            return failed("\(endpoint) does not know \(keysInWords): correct the key, or the endpoint")
        case (_, "SignatureDoesNotMatch"):
            return failed(
                "\(endpoint) says that the signature is wrong: the secret does not belong to \(keysInWords), or a "
                    + "proxy changes requests")
        case (_, "ExpiredToken"), (_, "InvalidToken"):
            return failed("the session token of \(keysInWords) has ended or is not valid: get new keys")
        case (301, _), (307, _), (_, "PermanentRedirect"), (_, "AuthorizationHeaderMalformed"),
            (_, "IllegalLocationConstraintException"):
            let other = failure.region.map { "the region \($0)" } ?? "another region or endpoint"
            return failed(
                "the bucket \(bucket) is in \(other), not in \(client.settings.region ?? "us-east-1") at \(endpoint): "
                    + "set s3.region and s3.endpoint")
        case (401, _), (403, _):
            let why = failure.code.isEmpty ? "" : " (\(failure.code))"
            return failed(
                "\(keysInWords) may not \(call.verb)\(why): allow it in the bucket's policy, or use other keys; where "
                    + "listing is not allowed, an object that is missing is refused, too")
        case (404, _): return StorageError(.notFound, at: location, "nothing is there")
        case (405, _), (501, _), (_, "NotImplemented"):
            return failed("\(endpoint) cannot \(call.verb) (\(words(failure))), which is needed: use another store")
        default: return failed("cannot \(call.verb): \(words(failure))")
        }
    }

    /// The error for a failure that may pass, and did not in time.
    static func exhausted(
        _ call: S3Call, _ failure: S3Client.Failure, attempts: Int, seconds: Double, _ mayBeDone: Bool
    ) -> StorageError {
        let changes = call.method != "GET" && call.method != "HEAD"
        let open = changes && mayBeDone ? "; whether it was done is not known" : ""
        return StorageError(
            .failed, at: call.location.description,
            "could not \(call.verb) in \(attempts) tries and \((seconds * 10).rounded() / 10) s (the last: "
                + "\(words(failure)))\(open): check the network and the store, and try again")
    }

    private static func words(_ failure: S3Client.Failure) -> String {
        if failure.status == 0 { return failure.message }
        let parts = [failure.code, String(failure.message.prefix(300))].filter { !$0.isEmpty }
        return "status \(failure.status)" + (parts.isEmpty ? "" : ", " + parts.joined(separator: ": "))
    }
}

extension S3Call {
    /// What the call does, for messages.
    fileprivate var verb: String {
        switch method {
        case "GET": query.isEmpty ? "be read" : "be listed"
        case "HEAD": "be looked up"
        case "DELETE": "be removed"
        case "POST" where query.contains { $0.0 == "delete" }: "be removed"
        default: "be written"
        }
    }
}
