"""The peer: python-hl7's asyncio MLLP server, which parses, answers and keeps nothing."""

import asyncio

from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server


async def serve(reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
    while not writer.is_closing():
        try:
            message = await reader.readmessage()
        except (asyncio.IncompleteReadError, ConnectionError):
            break
        writer.writemessage(message.create_ack())
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await start_hl7_server(serve, "127.0.0.1", 0, encoding="iso8859-15")
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
