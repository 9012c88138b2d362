import Foundation

/// The terminal that the standard output goes to.
enum Terminal {
    /// Its width in characters; nil where there is none.
    static var columns: Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }
}
