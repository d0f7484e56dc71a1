/** The tools of the checks, each at one version. Updated by hand, with a run of the checks. */
export const TOOLS = {
  attw: "@arethetypeswrong/cli@0.18.5",
  publint: "publint@0.3.25",
  typescript: "typescript@5.9.3",
} as const;

/** Node's majors that are supported besides the machine's own. */
export const NODES: readonly string[] = ["22.23.3", "24.21.0", "26.10.0"];
