/** What is kept: reports, and what is known of days. Nobody's work is lost when two save at once. */

import type { Annotation, DashboardSummary, Report, ReportSummary, Revision } from "../answers";
import { type Failure, failureFrom } from "../api";
import { checkOf, draftOf } from "../question/check";
import type { Kept, Loading, SaveDraft, Saving, Sheet, State } from "../state";
import type { World } from "../world";

export class Reports {
  constructor(
    private readonly state: State,
    private readonly world: World,
    /** A report was saved. */
    private readonly saved: (report: Report) => void,
    /** An old revision of something is the newest again. */
    private readonly restored: (of: Kept, id: string) => Promise<void>,
  ) {}

  async load(removed = this.state.removedReports): Promise<void> {
    this.state.removedReports = removed;
    this.state.reports ??= { status: "loading" };
    this.world.draw();
    try {
      const value = await this.world.api.reports.list(removed);
      if (this.state.removedReports === removed) this.state.reports = { status: "ready", value };
      void this.loadChecks();
    } catch (error) {
      this.state.reports = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  /** How the checks went: known beside the list, and no reason to hold it up. */
  private async loadChecks(): Promise<void> {
    try {
      const checks = await this.world.api.checks();
      this.state.checks = new Map(checks.map((check) => [check.report, check]));
      this.world.draw();
    } catch {
      // The list says what went wrong, where anything did.
    }
  }

  /** Runs the check of a report now. */
  async runCheck(id: string): Promise<void> {
    try {
      const result = await this.world.api.runCheck(id);
      this.state.checks = new Map(this.state.checks).set(id, result);
    } catch (error) {
      this.state.reports = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  search(text: string): void {
    this.state.reportSearch = text;
    this.world.draw();
  }

  // Saving the question.

  /** Asks for a name: of the report that is on the page, or of a new one. */
  askToSave(asNew: boolean, suggestion: string): void {
    const { report } = this.state;
    const open = report?.status === "ready" ? report.value.report : null;
    const draft: SaveDraft =
      open === null
        ? { name: suggestion, folder: "", description: "", check: null }
        : {
            name: asNew ? `${open.name} 2` : open.name,
            folder: open.folder,
            description: open.description,
            check: open.check == null ? null : draftOf(open.check),
          };
    const over = open === null || asNew ? null : { id: open.id, revision: open.revision };
    this.show({ kind: "save", draft, over, saving: { status: "editing" } });
    if (this.state.reports === null) void this.load();
  }

  changeDraft(change: Partial<SaveDraft>): void {
    const { sheet } = this.state;
    if (sheet?.kind === "save") this.show({ ...sheet, draft: { ...sheet.draft, ...change } });
  }

  /** Saves the question. `over` is another revision than the one that was opened where somebody else was first. */
  async save(over: { id: string; revision: number } | null): Promise<void> {
    const { sheet, compiled } = this.state;
    if (sheet?.kind !== "save" || compiled.spec === null) return;
    this.show({ ...sheet, over, saving: { status: "saving" } });
    const { check, ...draft } = sheet.draft;
    try {
      const document = { ...draft, spec: compiled.spec, ...(check === null ? {} : { check: checkOf(check) }) };
      const saved = await this.world.api.reports.save(document, over);
      this.state.sheet = null;
      this.saved(saved);
      void this.load(false);
    } catch (error) {
      this.show({ ...sheet, over, saving: savingOf(failureFrom(error)) });
    }
  }

  // History and removal.

  async openHistory(of: Kept, what: ReportSummary | DashboardSummary): Promise<void> {
    const show = (revisions: Loading<Revision[]>) => this.show({ kind: "history", of, what, revisions });
    show({ status: "loading" });
    try {
      show({ status: "ready", value: await this.world.api[of].history(what.id) });
    } catch (error) {
      show({ status: "failed", failure: failureFrom(error) });
    }
  }

  /** Makes an old revision the newest one again. */
  async restore(sheet: Extract<Sheet, { kind: "history" }>, revision: number): Promise<void> {
    const { of, what } = sheet;
    try {
      await this.saveAgain(of, what, revision);
      this.state.sheet = null;
      await this.restored(of, what.id);
    } catch (error) {
      this.show({ ...sheet, revisions: { status: "failed", failure: failureFrom(error) } });
    }
  }

  private async saveAgain(of: Kept, { id, revision: newest }: { id: string; revision: number }, revision: number): Promise<void> {
    const { api } = this.world;
    const over = { id, revision: newest };
    if (of === "reports") {
      const { name, folder, description, spec, check } = await api.reports.get(id, revision);
      await api.reports.save({ name, folder, description, spec, ...(check === undefined ? {} : { check }) }, over);
    } else {
      const { name, folder, description, tiles, last } = await api.dashboards.get(id, revision);
      await api.dashboards.save({ name, folder, description, tiles, ...(last === undefined ? {} : { last }) }, over);
    }
  }

  askToRemove(what: ReportSummary | DashboardSummary, of: Kept): void {
    this.show({ kind: "remove", what, of, saving: { status: "editing" } });
  }

  async remove(sheet: Extract<Sheet, { kind: "remove" }>): Promise<void> {
    this.show({ ...sheet, saving: { status: "saving" } });
    try {
      await this.world.api[sheet.of].remove(sheet.what.id, sheet.what.revision);
      this.show(null);
      if (sheet.of === "reports") await this.load();
      else this.state.dashboards = { status: "ready", value: await this.world.api.dashboards.list(this.state.removedDashboards) };
    } catch (error) {
      this.show({ ...sheet, saving: { status: "failed", failure: failureFrom(error) } });
    }
    this.world.draw();
  }

  // Notes on days.

  async loadNotes(): Promise<void> {
    try {
      this.state.annotations = { status: "ready", value: await this.world.api.annotations.list() };
    } catch (error) {
      this.state.annotations = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  openNotes(): void {
    const today = this.world.day(this.state.question.timezone, 0);
    this.show({ kind: "notes", date: today, text: "", saving: { status: "editing" } });
  }

  changeNote(change: { date?: string; text?: string }): void {
    const { sheet } = this.state;
    if (sheet?.kind === "notes") this.show({ ...sheet, ...change });
  }

  async addNote(): Promise<void> {
    const { sheet } = this.state;
    if (sheet?.kind !== "notes" || sheet.text.trim() === "") return;
    this.show({ ...sheet, saving: { status: "saving" } });
    try {
      await this.world.api.annotations.save({ date: sheet.date, text: sheet.text.trim() }, null);
      this.show({ ...sheet, text: "", saving: { status: "editing" } });
    } catch (error) {
      this.show({ ...sheet, saving: { status: "failed", failure: failureFrom(error) } });
    }
    await this.loadNotes();
  }

  async removeNote(note: Annotation): Promise<void> {
    const { sheet } = this.state;
    try {
      await this.world.api.annotations.remove(note.id, note.revision);
    } catch (error) {
      if (sheet?.kind === "notes") this.show({ ...sheet, saving: { status: "failed", failure: failureFrom(error) } });
    }
    await this.loadNotes();
  }

  private show(sheet: Sheet | null): void {
    this.state.sheet = sheet;
    this.world.draw();
  }
}

function savingOf(failure: Failure): Saving {
  return failure.kind === "changed" ? { status: "changed", current: failure.current as Report } : { status: "failed", failure };
}
