require "json"
values = JSON.parse(File.read(ENV["ARIEL_INPUT"]))["kwargs"]["values"]
result = { "day" => "{{ ds }}", "mean" => values.sum / values.size }
File.write(ENV["ARIEL_RESULT"], JSON.generate(result))
