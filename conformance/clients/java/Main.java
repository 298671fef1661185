import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs every test of AGENTCONF_CASES and prints one line for each. */
final class Main {
  public static void main(String[] args) throws Exception {
    String tests = Files.readString(Path.of(System.getenv("AGENTCONF_CASES")));
    for (JsonElement test : JsonParser.parseString(tests).getAsJsonArray()) {
      String name = test.getAsJsonObject().get("name").getAsString();
      List<String> faults = run(test.getAsJsonObject());
      String text = String.join("; ", faults).replace('\n', ' ');
      System.out.println(faults.isEmpty() ? "ok " + name : "not ok " + name + ": " + text);
    }
    System.exit(0); // whatever a failed test has left open
  }

  private static List<String> run(JsonObject test) {
    try {
      return test.has("steps")
          ? new Scenario().play(test.getAsJsonArray("steps"))
          : compare(test.getAsJsonObject("want"), Front.call(test));
    } catch (Exception fault) { // it is of this test, whatever it is
      return List.of(fault.toString());
    }
  }

  /** Returns the differences between want and got. Keys that want lacks are not compared. */
  static List<String> compare(JsonObject want, JsonObject got) {
    List<String> faults = new ArrayList<>();
    for (String key : want.keySet()) {
      JsonElement wanted = want.get(key);
      JsonElement found = got.get(key.equals("has") || key.equals("message_names") ? "reply" : key);
      boolean same = switch (key) {
        case "has" -> contains(found, wanted);
        case "message_names" -> containsNames(found, wanted.getAsJsonArray());
        default -> wanted.equals(found);
      };
      if (!same) faults.add(key + " should be " + wanted + ", got " + found);
    }
    return faults;
  }

  private static boolean contains(JsonElement got, JsonElement want) {
    if (!want.isJsonObject()) return want.equals(got);
    return got instanceof JsonObject object
        && want.getAsJsonObject().entrySet().stream()
            .allMatch(wanted -> contains(object.get(wanted.getKey()), wanted.getValue()));
  }

  private static boolean containsNames(JsonElement got, JsonArray names) {
    String message = got.getAsJsonObject().get("message").getAsString();
    for (JsonElement name : names) {
      if (!message.contains(name.getAsString())) return false;
    }
    return true;
  }

  /** Plays steps. The method of a kind of step returns the differences. */
  private static final class Scenario {
    private String guid = "";
    private String sequence = "";
    private Front.Watch watch;

    /** Stops at the first failed step. */
    List<String> play(JsonArray steps) {
      for (int number = 0; number < steps.size(); number++) {
        String text = steps.get(number).toString().replace("$GUID", guid).replace("$SEQUENCE", sequence);
        JsonObject step = JsonParser.parseString(text).getAsJsonObject();
        List<String> faults = play(step);
        if (faults.isEmpty()) continue;
        return List.of("step " + number + ", " + step.keySet(), String.join("; ", faults));
      }
      return List.of();
    }

    private List<String> play(JsonObject step) {
      String kind = step.keySet().iterator().next();
      return switch (kind) {
        case "call" -> call(step.getAsJsonObject(kind));
        case "watch" -> watch(step.getAsJsonObject(kind));
        case "next" -> next(step.getAsJsonObject(kind));
        case "stop" -> stop();
        case "end" -> end(step.getAsJsonObject(kind));
        default -> List.of("no such step");
      };
    }

    private List<String> call(JsonObject step) {
      JsonObject got = Front.call(step);
      if (got.has("reply")) learnGuid(got.getAsJsonObject("reply"));
      return compare(step.getAsJsonObject("want"), got);
    }

    private List<String> watch(JsonObject step) {
      watch = new Front.Watch(step);
      return List.of();
    }

    private List<String> next(JsonObject want) {
      JsonObject got = watch.next();
      if (!got.has("reply")) return List.of("the watch ended: " + got);
      JsonObject content = got.getAsJsonObject("content");
      learnGuid(content);
      List<String> faults = compare(want, got);
      learnSequence(content, faults);
      return faults;
    }

    private List<String> stop() {
      JsonObject want = new JsonObject();
      want.addProperty("code", 1);
      return compare(want, watch.stop());
    }

    private List<String> end(JsonObject want) {
      JsonObject got = watch.next();
      got.add("reply", got.remove("error_info"));
      return compare(want, got);
    }

    private void learnGuid(JsonObject message) {
      if (message.has("guid")) guid = message.get("guid").getAsString();
      if (message.has("result")) learnGuid(message.getAsJsonObject("result"));
    }

    private void learnSequence(JsonObject message, List<String> faults) {
      String last = sequence;
      if (message.has("lastSequence")) sequence = message.get("lastSequence").getAsString();
      if (!message.has("sequence")) return;
      sequence = message.get("sequence").getAsString();
      if (Long.parseLong(sequence) == Long.parseLong(last) + 1) return;
      faults.add("sequence " + sequence + " after " + last);
    }
  }
}
