"""Links between nodes that a script may cut, in one direction alone if it likes, and slow down: a TCP relay of its own for each ordered
pair of nodes and each swarm. Over a cut direction nothing passes and nothing breaks for 30 s; then its connections are closed."""
import asyncio
import contextlib
import threading

READ_BYTES = 64 * 1024
# Read of a connection and not yet passed on.
QUEUE_CHUNKS = 64
PATIENCE_S = 30


class Links:
    def __init__(self):
        self.severed, self.delay_s = set(), 0
        self.loop = asyncio.new_event_loop()
        self.changed = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.call(self.prepare())

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def prepare(self):
        self.changed = asyncio.Condition()

    def open(self, near, far, port):
        """The port by which node `near` reaches that port of node `far`."""
        async def listen():
            carry = lambda reader, writer: self.carry(reader, writer, near, far, port)
            server = await asyncio.start_server(carry, "127.0.0.1", 0, limit=READ_BYTES)
            return server.sockets[0].getsockname()[1]
        return self.call(listen())

    def cut(self, directions):
        """From now on just these ordered pairs are cut: nothing of the first reaches the second."""
        async def change():
            async with self.changed:
                self.severed = set(directions)
                self.changed.notify_all()
        self.call(change())

    def part(self, *groups):
        """Cuts all pairs that are not in one group, both ways."""
        nodes = [(node, n) for n, group in enumerate(groups) for node in group]
        self.cut((a, b) for a, ga in nodes for b, gb in nodes if ga != gb)

    def heal(self):
        self.cut(())

    def delay(self, seconds):
        self.delay_s = seconds

    async def whole(self, *directions):
        async with self.changed:
            await self.changed.wait_for(lambda: not any(one in self.severed for one in directions))

    async def cut_for_good(self, near, far):
        """Ends once either direction has been cut for longer than a connection bears."""
        pair = {(near, far), (far, near)}
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda: pair & self.severed)
            try:
                await asyncio.wait_for(self.whole(*pair), PATIENCE_S)
            except asyncio.TimeoutError:
                return

    async def carry(self, reader, writer, near, far, port):
        closing = [writer]
        async def both():
            await asyncio.sleep(2 * self.delay_s)
            await self.whole((near, far), (far, near))
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port, limit=READ_BYTES)
            closing.append(far_writer)
            await asyncio.gather(self.direction(reader, far_writer, (near, far)), self.direction(far_reader, writer, (far, near)))
        tasks = [asyncio.create_task(both()), asyncio.create_task(self.cut_for_good(near, far))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in closing:
                one.close()

    async def direction(self, reader, writer, direction):
        queue = asyncio.Queue(QUEUE_CHUNKS)

        async def give_out():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                await self.whole(direction)
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        giving = asyncio.create_task(give_out())
        try:
            data = b"-"
            while data:
                data = await reader.read(READ_BYTES)
                put = asyncio.create_task(queue.put((self.loop.time() + self.delay_s, data)))
                try:
                    await asyncio.wait([put, giving], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    stuck = put.cancel()
                if stuck:
                    break
            await giving
        finally:
            giving.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await giving

    def close(self):
        """Closes every connection and ends the thread."""
        async def drop():
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        self.call(drop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
