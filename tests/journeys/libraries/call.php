<?php
// Calls functions of the gateway's PHP library, whose path is the argument, as it is published.
//
// In:  {"login": "demo", "password": "demo", "charset": "koi8-r", "post": 1, "calls": [["send_sms", ["79991234567", "Hi"]]]}
// Out: a list with the result of each call.
//
// Texts are UTF-8 here and in the library's charset there; {"hex": "0605"} stands for bytes. The library defines its
// settings as constants, and PHP keeps the first definition.

error_reporting(E_ERROR | E_PARSE);
$told = json_decode(stream_get_contents(STDIN), true);
$names = ["SMSC_LOGIN" => "login", "SMSC_PASSWORD" => "password", "SMSC_CHARSET" => "charset", "SMSC_POST" => "post"];
foreach ($names as $constant => $name) {
    define($constant, $told[$name]);
}
define("SMSC_HTTPS", 0);
define("SMSC_DEBUG", 0);
define("SMTP_FROM", "shop@example.org");

ob_start(); // its file may begin with a mark of its encoding
include $argv[1];
ob_end_clean();

function there($value)
{
    if (is_array($value)) {
        return isset($value["hex"]) ? hex2bin($value["hex"]) : array_map("there", $value);
    }
    return is_string($value) ? iconv("UTF-8", SMSC_CHARSET, $value) : $value;
}

function back($value)
{
    if (is_array($value)) {
        return array_map("back", $value);
    }
    return is_string($value) ? iconv(SMSC_CHARSET, "UTF-8", $value) : $value;
}

$results = [];
foreach ($told["calls"] as [$function, $arguments]) {
    $results[] = back($function(...array_map("there", $arguments)));
}
echo json_encode($results, JSON_UNESCAPED_UNICODE);
