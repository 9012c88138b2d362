import NIOCore

/// The end of a connection's pipeline that sees bytes: tells the door's handler when some have come, which it cannot
/// see behind the decoder, and takes its answers past the encoder.
final class WireHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?
    // A cycle for as long as both are in the pipeline.
    private var door: DoorHandler?

    init(_ door: DoorHandler) { self.door = door }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        door = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        door?.bytesArrive()
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        door?.readCompleted()
    }

    /// Sends bytes that are an answer, or a part of one.
    func send(_ bytes: ByteBuffer) { context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil) }

    /// Closes the connection once all that was sent before is with the system.
    func closeWhenSent() {
        guard let context else { return }
        let channel = context.channel
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: sent)
    }
}
