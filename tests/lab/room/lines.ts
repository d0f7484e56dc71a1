/** The lines of a stream of bytes. */
export async function* lines(
  reader: { read(into: Uint8Array): Promise<number | null> },
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let rest = "";
  while (true) {
    const count = await reader.read(buffer);
    if (count === null) return;
    rest += decoder.decode(buffer.subarray(0, count), { stream: true });
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
